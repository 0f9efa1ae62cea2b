import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { type Schemas, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Figures } from "../../components/Figures";
import { Choice, Filters } from "../../components/filters";
import { Empty, Loaded } from "../../components/Loaded";
import { To } from "../../components/To";
import { ago, count, day, units, words } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { seriesAddress, useAddress } from "../../lib/url";

type Check = Schemas["CheckView"];
type Anomaly = Schemas["AnomalyView"];

const CHECKS: Column<Check>[] = [
  {
    id: "state",
    header: "State",
    minWidth: 110,
    cell: (one) =>
      one.failed ? (
        <StatusIndicator type={one.severity === "error" ? "error" : one.severity === "warning" ? "warning" : "info"}>
          {one.severity === "error" ? "Problem" : one.severity === "warning" ? "Look at it" : "Note"}
        </StatusIndicator>
      ) : (
        <StatusIndicator type="success">Good</StatusIndicator>
      ),
  },
  { id: "table", header: "Table", cell: (one) => words(one.table) },
  {
    id: "what",
    header: "What was checked",
    rowHeader: true,
    minWidth: 260,
    cell: (one) => (
      <>
        {one.message || one.meaning || words(one.rule)}
        {Boolean(one.failed) && one.cure && (
          <Box variant="small" display="block" color="text-body-secondary">
            {one.cure}
          </Box>
        )}
      </>
    ),
  },
  { id: "failed", header: "Rows concerned", cell: (one) => count(one.failed), right: true },
  { id: "rows", header: "Rows looked at", cell: (one) => count(one.rows), right: true, wide: true },
  { id: "rule", header: "Rule", cell: (one) => words(one.rule), optional: true },
];

const FLAGS: Column<Anomaly>[] = [
  { id: "day", header: "Day", cell: (one) => day(one.date), rowHeader: true },
  {
    id: "series",
    header: "Where",
    minWidth: 140,
    cell: (one) => <To href={seriesAddress(one.item_id, one.location_id)}>{`${one.item_id} in ${one.location_id}`}</To>,
  },
  { id: "reason", header: "What looks wrong", cell: (one) => one.reason || words(one.kind), minWidth: 260 },
  { id: "value", header: "Seen", cell: (one) => units(one.value), right: true, wide: true },
  { id: "expected", header: "Expected", cell: (one) => units(one.expected), right: true, wide: true },
  { id: "kind", header: "Kind", cell: (one) => words(one.kind), optional: true },
];

const FILTERS = { kind: "" };

/** How sound the data are: the newest report's checks with their cure, and what looks wrong day by day. */
export function QualityTab() {
  const quality = useGet("/v1/quality", {});
  const [{ kind }, setFilters] = useAddress(FILTERS);
  const paging = usePages(kind);
  const flags = useGet("/v1/anomalies", { params: { query: { kind, limit: 25, cursor: paging.cursor } } });
  return (
    <Loaded
      query={quality}
      what="the quality report"
      notYet={<Empty title="The data have not been checked yet" text="They are with each cycle." />}
    >
      {(report) => (
        <SpaceBetween size="l">
          <Figures
            items={[
              { label: "Checked", value: ago(report.checked_at), note: `data until ${day(report.cutoff)}` },
              {
                label: "Problems",
                value: count(report.checks.filter((one) => one.failed && one.severity !== "info").length),
                note: `of ${count(report.checks.length)} checks`,
              },
              {
                label: "Days that look wrong",
                value: count(report.anomalies.reduce((sum, one) => sum + one.flags, 0)),
              },
              { label: "Rows in quarantine", value: count(report.quarantined), href: "/data/quarantine" },
            ]}
          />
          {report.sentences.length > 0 && (
            <Box>
              {report.sentences.map((one) => (
                <Box key={one} variant="p">
                  {one}
                </Box>
              ))}
            </Box>
          )}
          <DataTable
            title="Checks"
            counter={`(${report.checks.length})`}
            description="Problems first, each with what to do."
            columns={CHECKS}
            rows={report.checks}
            rowId={(one) => `${one.table} ${one.rule} ${one.column}`}
            loading={false}
            preferences="checks"
            empty={<Empty title="Nothing was checked" />}
          />
          <DataTable
            title="Days that look wrong"
            description="Kept and used; the forecast treats the worst of them with care."
            columns={FLAGS}
            rows={flags.data?.rows}
            rowId={(one) => `${one.kind} ${one.item_id} ${one.location_id} ${one.date}`}
            loading={flags.isLoading}
            error={flags.error}
            onRetry={() => flags.refetch()}
            pages={paging.pages(flags.data?.next)}
            preferences="flags"
            filter={
              <Filters>
                <Choice
                  label="Kind"
                  any="All"
                  value={kind}
                  options={report.anomalies.map((one) => ({
                    value: one.kind,
                    label: `${words(one.kind)} (${count(one.flags)})`,
                  }))}
                  onChange={(value) => setFilters({ kind: value })}
                />
              </Filters>
            }
            empty={
              <Empty
                title="No day looks wrong"
                action={kind && <Button onClick={() => setFilters({ kind: "" })}>Show all kinds</Button>}
              />
            }
          />
        </SpaceBetween>
      )}
    </Loaded>
  );
}
