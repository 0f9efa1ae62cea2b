import Button from "@cloudscape-design/components/button";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { answer, api, type Schemas, useChange } from "../../api/client";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { day, moment, percent, signed, units, words } from "../../lib/format";
import { ReasonDialog } from "../orders/ReasonDialog";
import type { SeriesDetail } from "./model";

type Override = Schemas["OverrideView"];

export function changeOf(one: Pick<Override, "method" | "value">): string {
  if (one.method === "multiply") return one.value >= 1 ? `+${percent(one.value - 1, 1)}` : percent(one.value - 1, 1);
  return one.method === "add" ? `${signed(one.value)} a day` : `${units(one.value)} a day`;
}

/** Who overrode this series, when, why; ended ones too. */
export function Overrides({ series }: { series: SeriesDetail }) {
  const planner = useMay("planner");
  const { say, sayProblem } = useNotices();
  const [ending, setEnding] = useState<Override>();
  const end = useChange(
    ({ id, reason }: { id: string; reason: string }) =>
      answer(api.POST("/v1/overrides/{override_id}/end", { params: { path: { override_id: id } }, body: { reason } })),
    ["/v1/series", "/v1/overrides", "/v1/jobs"],
  );
  const columns: Column<Override>[] = [
    {
      id: "days",
      header: "Days",
      cell: (one) => `${day(one.first)} – ${day(one.last)}`,
      rowHeader: true,
      minWidth: 180,
    },
    { id: "change", header: "Change", cell: (one) => changeOf(one) },
    {
      id: "reason",
      header: "Reason",
      cell: (one) => [words(one.reason), one.note].filter(Boolean).join(": "),
      minWidth: 180,
    },
    {
      id: "who",
      header: "Made by",
      cell: (one) => `${one.made_by}, ${moment(one.made_at)}`,
      wide: true,
      minWidth: 150,
    },
    {
      id: "state",
      header: "State",
      cell: (one) =>
        one.active ? (
          <StatusIndicator type="success">In force</StatusIndicator>
        ) : (
          <StatusIndicator type="stopped">{one.ended_by ? `Withdrawn by ${one.ended_by}` : "Over"}</StatusIndicator>
        ),
    },
    {
      id: "end",
      header: "Withdraw",
      cell: (one) =>
        planner && one.active ? (
          <Button
            variant="inline-link"
            onClick={() => setEnding(one)}
            ariaLabel={`Withdraw the override of ${day(one.first)}`}
          >
            Withdraw
          </Button>
        ) : (
          "–"
        ),
    },
  ];
  return (
    <>
      <DataTable
        title="Overrides"
        counter={series.overrides.length ? `(${series.overrides.length})` : undefined}
        columns={columns}
        rows={series.overrides}
        rowId={(one) => one.override_id}
        loading={false}
        empty={<Empty title="Nobody has overridden this series" />}
      />
      {ending && (
        <ReasonDialog
          title="Withdraw this override?"
          action="Withdraw"
          busy={end.isPending}
          onCancel={() => setEnding(undefined)}
          onConfirm={(reason) =>
            end.mutate(
              { id: ending.override_id, reason },
              {
                onSuccess: () => say("success", "Withdrawn. Forecasts and orders follow in a moment; see Data, Jobs."),
                onError: sayProblem,
                onSettled: () => setEnding(undefined),
              },
            )
          }
        />
      )}
    </>
  );
}
