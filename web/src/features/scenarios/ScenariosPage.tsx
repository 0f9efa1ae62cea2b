import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { useNavigate } from "react-router";
import { answer, api, useChange, useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { Page } from "../../components/Page";
import { To } from "../../components/To";
import { ago, count, units } from "../../lib/format";
import { aboutText, changeText, differenceText, money, type Scenario, STATES } from "./model";

/** Every what-if that was asked, with its answer. */
export default function ScenariosPage() {
  const navigate = useNavigate();
  const planner = useMay("planner");
  const { currency } = useConfig();
  const { sayProblem } = useNotices();
  const [chosen, choose] = useState<Scenario[]>([]);
  const scenarios = useGet(
    "/v1/scenarios",
    {},
    {
      staleTime: 0,
      refetchInterval: ({ state }) =>
        (state.data as Scenario[] | undefined)?.some((one) => one.state === "running" || one.state === "saved")
          ? 2000
          : false,
    },
  );
  const forget = useChange(
    (id: string) => answer(api.DELETE("/v1/scenarios/{scenario_id}", { params: { path: { scenario_id: id } } })),
    ["/v1/scenarios"],
  );
  const columns: Column<Scenario>[] = [
    {
      id: "name",
      header: "What if",
      cell: (one) => <To href={`/what-if/${one.scenario_id}`}>{one.name}</To>,
      rowHeader: true,
      minWidth: 180,
    },
    {
      id: "changes",
      header: "Changes",
      cell: (one) => one.changes.map(changeText).join("; "),
      minWidth: 220,
      wide: true,
    },
    { id: "about", header: "For", cell: aboutText, wide: true, minWidth: 150 },
    {
      id: "state",
      header: "State",
      cell: (one) => <StatusIndicator type={STATES[one.state][0]}>{STATES[one.state][1]}</StatusIndicator>,
    },
    {
      id: "units",
      header: "Units",
      cell: (one) => (one.units ? differenceText(one.units, units) : "–"),
      right: true,
      minWidth: 150,
    },
    {
      id: "revenue",
      header: "Revenue",
      cell: (one) => (one.revenue ? differenceText(one.revenue, money(currency)) : "–"),
      right: true,
      wide: true,
      minWidth: 170,
    },
    { id: "like", header: "Like events", cell: (one) => count(one.like_events), right: true, wide: true },
    { id: "made", header: "Asked by", cell: (one) => `${one.made_by}, ${ago(one.made_at)}`, wide: true },
  ];
  const ids = chosen.map((one) => one.scenario_id);
  return (
    <Page
      title="What-if"
      description="Change the price, a promotion, a festival or the weather, and see units, money and orders against the baseline."
      actions={
        planner && (
          <Button variant="primary" onClick={() => navigate("/what-if/new")}>
            New what-if
          </Button>
        )
      }
    >
      <DataTable
        title="Asked so far"
        counter={scenarios.data && `(${scenarios.data.length})`}
        columns={columns}
        rows={scenarios.data}
        rowId={(one) => one.scenario_id}
        loading={scenarios.isLoading}
        error={scenarios.error}
        onRetry={() => scenarios.refetch()}
        preferences="scenarios"
        selection={{ selected: chosen, select: choose, label: (one) => one.name }}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            {planner && (
              <Button
                disabled={!ids.length}
                loading={forget.isPending}
                onClick={async () => {
                  try {
                    for (const id of ids) await forget.mutateAsync(id);
                    choose([]);
                  } catch (error) {
                    sayProblem(error);
                  }
                }}
              >
                Delete
              </Button>
            )}
            <Button
              disabled={ids.length < 2}
              disabledReason="Choose two or more"
              onClick={() => navigate(`/what-if/compare?${new URLSearchParams(ids.map((one) => ["id", one]))}`)}
            >
              Compare
            </Button>
          </SpaceBetween>
        }
        empty={
          <Empty
            title="Nothing asked yet"
            text="For example: what if we sell sweets 15 % cheaper in the week of the festival?"
            action={planner && <Button onClick={() => navigate("/what-if/new")}>Ask it</Button>}
          />
        }
      />
    </Page>
  );
}
