import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type Schemas, useGet } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { moment } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { useAddress } from "../../lib/url";

type Entry = Schemas["AuditEntry"];

const COLUMNS: Column<Entry>[] = [
  { id: "at", header: "When", cell: (one) => moment(one.at), rowHeader: true, minWidth: 150 },
  { id: "who", header: "Who", cell: (one) => one.who },
  { id: "action", header: "Did", cell: (one) => one.action.replaceAll(".", " › ") },
  { id: "subject", header: "To", cell: (one) => one.subject, minWidth: 160 },
  { id: "detail", wide: true, header: "Details", cell: (one) => detailOf(one), minWidth: 220 },
];
const FILTERS = { who: "", action: "" };

function detailOf(entry: Entry): string {
  const parts = Object.entries(entry.detail ?? {});
  return (
    parts.map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join("; ") ||
    "–"
  );
}

export function AuditTab() {
  const [filters, setFilters] = useAddress(FILTERS);
  const paging = usePages(JSON.stringify(filters));
  const audit = useGet("/v1/audit", { params: { query: { ...filters, limit: 50, cursor: paging.cursor } } });
  return (
    <DataTable
      title="Audit log"
      description="Every change, who made it and when. Nothing here can be edited."
      columns={COLUMNS}
      rows={audit.data?.rows}
      rowId={(one) => one.entry_id}
      loading={audit.isLoading}
      error={audit.error}
      onRetry={() => audit.refetch()}
      pages={paging.pages(audit.data?.next)}
      filter={
        <SpaceBetween direction="horizontal" size="xs">
          <Input
            ariaLabel="Person"
            placeholder="Person"
            value={filters.who}
            onChange={({ detail }) => setFilters({ who: detail.value })}
          />
          <Input
            ariaLabel="Action begins with"
            placeholder="Action, e.g. order"
            value={filters.action}
            onChange={({ detail }) => setFilters({ action: detail.value })}
          />
        </SpaceBetween>
      }
      empty={<Empty title="Nothing matches" />}
    />
  );
}
