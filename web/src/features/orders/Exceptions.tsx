import Button from "@cloudscape-design/components/button";
import { useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { To } from "../../components/To";
import { amount, words } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { seriesAddress } from "../../lib/url";

interface Exception {
  item_id: string;
  location_id: string;
  message: string | null;
  value_at_risk: number | null;
}

/** Items and stores the engine raised one kind of exception for, each a link to its cause. */
export function Exceptions({ code, cutoff, onClose }: { code: string; cutoff: string; onClose: () => void }) {
  const { currency } = useConfig();
  const paging = usePages(`${code} ${cutoff}`);
  const rows = useGet("/v1/tables/{table}/rows", {
    params: {
      path: { table: "exceptions" },
      query: { where: [`code=${code}`, `cutoff=${cutoff}`, "scenario=base"], limit: 50, cursor: paging.cursor },
    },
  });
  const columns: Column<Exception>[] = [
    {
      id: "item",
      header: "Item",
      cell: (one) => <To href={seriesAddress(one.item_id, one.location_id)}>{one.item_id}</To>,
      rowHeader: true,
    },
    { id: "location", header: "Store", cell: (one) => one.location_id },
    { id: "message", header: "What is the matter", cell: (one) => one.message ?? words(code), minWidth: 260 },
    { id: "risk", header: "At stake", cell: (one) => amount(one.value_at_risk, currency, 0), right: true },
  ];
  return (
    <DataTable
      title={words(code)}
      description="Items and stores of the newest proposal with this exception."
      columns={columns}
      rows={rows.data?.rows as Exception[] | undefined}
      rowId={(one) => `${one.item_id}\n${one.location_id}`}
      loading={rows.isLoading}
      error={rows.error}
      onRetry={() => rows.refetch()}
      pages={paging.pages(rows.data?.next)}
      actions={<Button onClick={onClose}>Back to all orders</Button>}
      empty={<Empty title="No item has it any more" />}
    />
  );
}
