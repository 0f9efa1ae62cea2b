import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useNavigate } from "react-router";
import { download, type Schemas, useGet } from "../../api/client";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { To } from "../../components/To";
import { ago, count, words } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { useAddress } from "../../lib/url";

type Group = Schemas["QuarantineGroup"];
type Row = Schemas["QuarantineView"];

const FILTERS = { load: "", table: "", rule: "" };

/** A quarantined row's load id carries its table behind the load's own. */
function loadOf(id: string): string {
  return id.split("-")[0] ?? id;
}

const ROWS: Column<Row>[] = [
  { id: "line", header: "Line", cell: (one) => count(one.source_line), right: true, rowHeader: true },
  { id: "source", header: "File", cell: (one) => one.source.split("/").at(-1), minWidth: 130 },
  { id: "column", header: "Column", cell: (one) => one.column || "–", wide: true },
  { id: "value", header: "What came", cell: (one) => one.value ?? "nothing", wide: true },
  { id: "reason", header: "What is wrong with it", cell: (one) => one.reason, minWidth: 260 },
  { id: "row", header: "The row as it came", cell: (one) => one.row ?? "–", optional: true, minWidth: 260 },
];

/** Rows that could not be used: why, as a file to mend, and the way back in. */
export function QuarantineTab() {
  const navigate = useNavigate();
  const planner = useMay("planner");
  const { sayProblem } = useNotices();
  const [filters, setFilters] = useAddress(FILTERS);
  const groups = useGet("/v1/quarantine/summary", {});
  const paging = usePages(JSON.stringify(filters));
  const rows = useGet("/v1/quarantine", {
    params: {
      query: { load_id: filters.load, table: filters.table, rule: filters.rule, limit: 50, cursor: paging.cursor },
    },
  });
  const columns: Column<Group>[] = [
    {
      id: "why",
      header: "Why",
      rowHeader: true,
      minWidth: 240,
      cell: (one) => (
        <To href={`/data/quarantine?${new URLSearchParams({ load: one.load_id, table: one.table, rule: one.rule })}`}>
          {one.example}
        </To>
      ),
    },
    { id: "rows", header: "Rows", cell: (one) => count(one.rows), right: true },
    { id: "table", header: "Table", cell: (one) => words(one.table), wide: true },
    { id: "file", header: "File", cell: (one) => one.source.split("/").at(-1), wide: true },
    { id: "when", header: "Loaded", cell: (one) => ago(one.loaded_at), wide: true },
    {
      id: "mend",
      header: "Mend",
      minWidth: 170,
      cell: (one) => (
        <SpaceBetween direction="horizontal" size="xs">
          <Button
            variant="inline-link"
            ariaLabel={`Download the rows of ${one.source.split("/").at(-1)} in quarantine`}
            onClick={() =>
              download(
                `/v1/loads/${loadOf(one.load_id)}/quarantine.csv`,
                {},
                `fix-${one.source.split("/").at(-1)}`,
              ).catch(sayProblem)
            }
          >
            Download
          </Button>
          {planner && (
            <Button
              variant="inline-link"
              ariaLabel={`Bring mended rows of ${one.source.split("/").at(-1)}`}
              onClick={() => navigate(`/data/upload?fixes=${loadOf(one.load_id)}`)}
            >
              Bring back
            </Button>
          )}
        </SpaceBetween>
      ),
    },
  ];
  const narrowed = Boolean(filters.load || filters.table || filters.rule);
  return (
    <SpaceBetween size="l">
      <DataTable
        title="Quarantine"
        counter={groups.data && `(${count(groups.data.reduce((sum, one) => sum + one.rows, 0))} rows)`}
        description="Nothing is dropped in silence. Download the rows with their problems, mend them in a spreadsheet, bring them back."
        columns={columns}
        rows={groups.data}
        rowId={(one) => `${one.load_id} ${one.rule}`}
        loading={groups.isLoading}
        error={groups.error}
        onRetry={() => groups.refetch()}
        preferences="quarantine"
        empty={<Empty title="Nothing is in quarantine" text="Every row that came could be used." />}
      />
      <DataTable
        title={narrowed ? "Rows of this problem" : "Rows"}
        columns={ROWS}
        rows={rows.data?.rows}
        rowId={(one) => `${one.load_id} ${one.source_line} ${one.rule} ${one.column}`}
        loading={rows.isLoading}
        error={rows.error}
        onRetry={() => rows.refetch()}
        pages={paging.pages(rows.data?.next)}
        preferences="quarantine-rows"
        actions={narrowed && <Button onClick={() => setFilters({ ...FILTERS })}>Show all</Button>}
        empty={<Empty title="No rows" />}
      />
    </SpaceBetween>
  );
}
