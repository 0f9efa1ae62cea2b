import { useMemo, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { type Schemas, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { To } from "../../components/To";
import { ago, bytes, count, day, words } from "../../lib/format";
import { TableRows } from "./TableRows";

type TableRow = Schemas["TableView"];

const COLUMNS: Column<TableRow>[] = [
  {
    id: "table",
    header: "Table",
    cell: (one) => <To href={`/data/tables/${one.table}`}>{words(one.table)}</To>,
    sort: "table",
    rowHeader: true,
    minWidth: 130,
  },
  { id: "meaning", wide: true, header: "What it holds", cell: (one) => one.meaning, minWidth: 240 },
  { id: "zone", wide: true, header: "Zone", cell: (one) => words(one.zone), sort: "zone" },
  { id: "rows", header: "Rows", cell: (one) => count(one.rows), sort: "rows", right: true },
  { id: "latest", header: "Data until", cell: (one) => day(one.latest_period), sort: "latest_period", minWidth: 110 },
  {
    id: "written",
    wide: true,
    header: "Last written",
    cell: (one) => ago(one.latest_commit),
    sort: "latest_commit",
    minWidth: 120,
  },
  { id: "bytes", wide: true, header: "Size", cell: (one) => bytes(one.bytes), sort: "bytes", right: true },
  {
    id: "snapshots",
    header: "Versions",
    cell: (one) => count(one.snapshots),
    sort: "snapshots",
    right: true,
    optional: true,
  },
  { id: "files", header: "Files", cell: (one) => count(one.files), sort: "files", right: true, optional: true },
];

export function TablesTab() {
  const { name } = useParams();
  const navigate = useNavigate();
  if (name) return <TableRows key={name} table={name} title={words(name)} onBack={() => navigate("/data/tables")} />;
  return <AllTables />;
}

function AllTables() {
  const tables = useGet("/v1/tables", {});
  const [sort, setSort] = useState("zone");
  const rows = useMemo(() => sorted(tables.data ?? [], sort), [tables.data, sort]);
  return (
    <DataTable
      title="Tables"
      counter={tables.data ? `(${tables.data.length})` : undefined}
      description="Every table of the lake that has been written, and how fresh it is."
      columns={COLUMNS}
      rows={tables.data && rows}
      rowId={(one) => one.table}
      loading={tables.isLoading}
      error={tables.error}
      onRetry={() => tables.refetch()}
      sort={sort}
      onSort={setSort}
      preferences="tables"
      empty={<Empty title="No tables yet" text="Nothing has been loaded." />}
    />
  );
}

export function sorted<T extends object>(rows: readonly T[], sort: string): T[] {
  const key = sort.replace(/^-/, "") as keyof T;
  const sign = sort.startsWith("-") ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [left, right] = [a[key], b[key]];
    if (left === right) return 0;
    if (left === null || left === undefined) return 1;
    if (right === null || right === undefined) return -1;
    return left < right ? -sign : sign;
  });
}
