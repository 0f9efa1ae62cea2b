import Button from "@cloudscape-design/components/button";
import { type Schemas, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Choice, Filters, Search } from "../../components/filters";
import { Empty } from "../../components/Loaded";
import { day, moment, units, words } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { useAddress } from "../../lib/url";

type ColumnView = Schemas["ColumnView"];
type Row = Record<string, unknown>;

const ADDRESS = { column: "", is: "" };
const SHOWN = 8;
const BOOKKEEPING = ["loaded_at", "load_id", "run_id", "known_at", "superseded_at"];

function shown(column: ColumnView, value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  switch (column.type) {
    case "day":
      return day(String(value));
    case "instant":
      return moment(String(value));
    case "real":
      return units(Number(value));
    case "flag":
      return value ? "yes" : "no";
    default:
      return String(value);
  }
}

interface Props {
  table: string;
  title: string;
  description?: string;
  onBack?: () => void;
}

/** Rows of any table of the lake as they stand now, a page at a time; a column can be held to a value. */
export function TableRows({ table, title, description, onBack }: Props) {
  const [{ column, is }, setFilters] = useAddress(ADDRESS);
  const where = column && is ? [`${column}=${is}`] : [];
  const paging = usePages(`${table} ${where}`);
  const rows = useGet("/v1/tables/{table}/rows", {
    params: { path: { table }, query: { where, limit: 50, cursor: paging.cursor } },
  });
  const known = rows.data?.columns ?? [];
  const useful = known.filter((one) => !BOOKKEEPING.includes(one.name));
  const columns: Column<Row>[] = known.map((one) => ({
    id: one.name,
    header: one.unit ? `${words(one.name)} (${one.unit})` : words(one.name),
    right: one.type === "real" || one.type === "integer",
    rowHeader: one.name === known.find((each) => each.key)?.name,
    optional: !useful.slice(0, SHOWN).includes(one),
    wide: !one.key,
    cell: (row) => shown(one, row[one.name]),
  }));
  return (
    <DataTable
      key={`${table} ${known.length}`}
      title={title}
      description={description}
      columns={columns}
      rows={rows.data?.rows as Row[] | undefined}
      rowId={(row) =>
        known
          .filter((one) => one.key || one.name === "known_at")
          .map((one) => String(row[one.name]))
          .join("\n")
      }
      loading={rows.isLoading}
      error={rows.error}
      onRetry={() => rows.refetch()}
      pages={paging.pages(rows.data?.next)}
      preferences={known.length ? `rows-${table}` : undefined}
      actions={onBack && <Button onClick={onBack}>All tables</Button>}
      filter={
        <Filters>
          <Choice
            label="Column"
            any="Any"
            value={column}
            options={useful.map((one) => ({ value: one.name, label: words(one.name) }))}
            onChange={(value) => setFilters({ column: value })}
          />
          <Search
            label="exactly this value"
            value={is}
            onChange={(value) => setFilters({ is: value, ...(!column && useful[0] && { column: useful[0].name }) })}
          />
        </Filters>
      }
      empty={<Empty title={is ? "No row has this value" : "Nothing has been loaded into this table"} />}
    />
  );
}
