import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useMemo, useState } from "react";
import { type Schemas, useGet } from "../../api/client";
import { useAppearance } from "../../app/appearance";
import { EChart } from "../../charts/EChart";
import { linesOption } from "../../charts/lines";
import { paletteOf } from "../../charts/palette";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty, Loaded } from "../../components/Loaded";
import { To } from "../../components/To";
import { day, units } from "../../lib/format";
import { aboutOf, measured, partOf } from "./measured";

type Measure = Schemas["MonitoredView"];

const LOOKS = { open: "error", watch: "warning", ok: "success" } as const;
const STATES = { open: "Found", watch: "Watched", ok: "As usual" } as const;
const AREAS = [
  { id: "all", text: "All" },
  { id: "forecast", text: "Forecasts" },
  { id: "data", text: "Data" },
  { id: "decision", text: "Decisions" },
  { id: "system", text: "System" },
];

/** What the monitor measured last night: status, what it means, why it is told, and each measure over time. */
export function DriftSection() {
  const [area, setArea] = useState("all");
  const [every, setEvery] = useState(false);
  const [chosen, choose] = useState<Measure>();
  const found = useGet("/v1/monitor", {});
  const rows = useMemo(
    () =>
      (found.data?.measures ?? []).filter(
        (one) =>
          (area === "all" || one.area === area) &&
          (every || one.state !== "ok" || (one.area === "forecast" && one.subject === "all")),
      ),
    [found.data, area, every],
  );
  const shown = chosen ?? rows[0];
  const columns: Column<Measure>[] = [
    {
      id: "measure",
      header: "Measure",
      rowHeader: true,
      minWidth: 200,
      cell: (one) => (
        <Button variant="inline-link" onClick={() => choose(one)} ariaLabel={`${aboutOf(one)} over time`}>
          {aboutOf(one)}
        </Button>
      ),
    },
    {
      id: "state",
      header: "Status",
      cell: (one) => <StatusIndicator type={LOOKS[one.state]}>{STATES[one.state]}</StatusIndicator>,
    },
    { id: "value", header: "Measured", cell: (one) => measured(one.value, one.unit), right: true },
    { id: "expected", header: "Usual or promised", cell: (one) => measured(one.expected, one.unit), right: true },
    { id: "threshold", header: "Threshold", cell: (one) => measured(one.threshold, one.unit), right: true, wide: true },
    { id: "says", header: "In words", cell: (one) => one.says, wide: true, minWidth: 320 },
  ];
  return (
    <SpaceBetween size="l">
      <DataTable
        title="Drift"
        counter={found.data?.cutoff ? `(${found.data.open} found, ${found.data.watched} watched)` : undefined}
        description={
          found.data?.cutoff
            ? `Measured after the night of ${day(found.data.cutoff)}: what came against what was promised and is usual.`
            : undefined
        }
        actions={
          <Button onClick={() => setEvery(!every)}>{every ? "Hide what is as usual" : "Show every measure"}</Button>
        }
        filter={
          <SegmentedControl
            label="Area"
            selectedId={area}
            options={AREAS}
            onChange={({ detail }) => setArea(detail.selectedId)}
          />
        }
        columns={columns}
        rows={found.data && rows}
        rowId={(one) => `${one.area}.${one.measure}.${one.subject}`}
        loading={found.isLoading}
        error={found.error}
        onRetry={() => found.refetch()}
        preferences="drift"
        empty={
          <Empty
            title={found.data?.cutoff ? "Nothing to tell" : "Nothing measured yet"}
            text={found.data?.cutoff ? "All measures are as usual." : "The nightly cycle measures at its end."}
          />
        }
      />
      {shown && <OverTime measure={shown} />}
    </SpaceBetween>
  );
}

function OverTime({ measure }: { measure: Measure }) {
  const { dark } = useAppearance();
  const history = useGet("/v1/monitor/history", {
    params: { query: { area: measure.area, measure: measure.measure, subject: measure.subject } },
  });
  const points = history.data?.points ?? [];
  const option = useMemo(() => {
    const colors = paletteOf(dark);
    return linesOption(
      points.map((one) => one.date),
      [
        { name: "Measured", color: colors.forecast, values: points.map((one) => one.value ?? null) },
        { name: "Usual", color: colors.line, values: points.map((one) => one.expected ?? null), dashed: true },
        { name: "Threshold", color: colors.stockOut, values: points.map((one) => one.threshold ?? null), dashed: true },
      ],
      colors,
      measure.title,
      (value) => measured(value, measure.unit),
    );
  }, [points, dark, measure]);
  return (
    <Container
      header={
        <Header variant="h2" description={measure.meaning}>{`${measure.title}: ${partOf(measure.subject)}`}</Header>
      }
    >
      <SpaceBetween size="m">
        <Loaded query={history} what="this measure">
          {() => (
            <EChart
              option={option}
              height={240}
              label={`${aboutOf(measure)}: ${measured(measure.value, measure.unit)}, usual ${measured(measure.expected, measure.unit)}, threshold ${measured(measure.threshold, measure.unit)}; ${units(points.length)} days.`}
            />
          )}
        </Loaded>
        <KeyValuePairs
          columns={2}
          items={[
            { label: "What it says", value: measure.says },
            { label: "Why this threshold", value: measure.reason },
            ...(measure.moved_with ? [{ label: "What moved with it", value: measure.moved_with }] : []),
            ...(measure.opened_on ? [{ label: "Since", value: day(measure.opened_on) }] : []),
            {
              label: "What to do",
              value: (
                <>
                  {measure.next_step} <To href={measure.link}>Go there</To>
                </>
              ),
            },
          ]}
        />
        <Box variant="small" color="text-body-secondary">
          A finding opens only after several days beyond the threshold and closes well inside it, so that one odd day
          tells nobody.
        </Box>
      </SpaceBetween>
    </Container>
  );
}
