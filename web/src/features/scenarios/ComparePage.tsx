import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo } from "react";
import { useSearchParams } from "react-router";
import { type Schemas, useGet } from "../../api/client";
import { useAppearance } from "../../app/appearance";
import { useConfig } from "../../app/config";
import { EChart } from "../../charts/EChart";
import { linesOption } from "../../charts/lines";
import { paletteOf } from "../../charts/palette";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty, Loaded } from "../../components/Loaded";
import { Page } from "../../components/Page";
import { To } from "../../components/To";
import { amount, count, signed, units } from "../../lib/format";
import { aboutText, changeText, differenceText, money } from "./model";

type Detail = Schemas["ScenarioDetail"];

/** What-ifs side by side, each against its own baseline. */
export default function ComparePage() {
  const [search] = useSearchParams();
  const ids = search.getAll("id");
  const compared = useGet(
    "/v1/scenarios/compare",
    { params: { query: { scenario_id: ids } } },
    { enabled: ids.length > 0 },
  );
  return (
    <Page
      title="Compare"
      trail={[{ text: "What-if", href: "/what-if" }]}
      description="Each against the baseline of its own items and stores."
    >
      {ids.length ? (
        <Loaded query={compared} what="the what-ifs">
          {(found) => <Side scenarios={found.scenarios} />}
        </Loaded>
      ) : (
        <Empty title="Nothing to compare" text="Choose two or more on the What-if page." />
      )}
    </Page>
  );
}

function Side({ scenarios }: { scenarios: Detail[] }) {
  const { currency } = useConfig();
  const { dark } = useAppearance();
  const known = scenarios.filter((one) => one.outcome);
  const option = useMemo(() => {
    const colors = paletteOf(dark);
    const dates = [...new Set(known.flatMap((one) => one.outcome?.daily.map((each) => each.date) ?? []))].sort();
    return linesOption(
      dates,
      known.map((one, place) => {
        const days = new Map(one.outcome?.daily.map((each) => [each.date, each.scenario - each.baseline]));
        return {
          name: one.name,
          color: colors.drivers[place % colors.drivers.length] as string,
          values: dates.map((date) => days.get(date) ?? null),
        };
      }),
      colors,
      "Units a day more or less",
      signed,
    );
  }, [known, dark]);
  const columns: Column<Detail>[] = [
    {
      id: "name",
      header: "What if",
      cell: (one) => <To href={`/what-if/${one.scenario_id}`}>{one.name}</To>,
      rowHeader: true,
      minWidth: 170,
    },
    {
      id: "changes",
      header: "Changes",
      cell: (one) => `${one.changes.map(changeText).join("; ")}; ${aboutText(one)}`,
      minWidth: 220,
      wide: true,
    },
    {
      id: "units",
      header: "Units",
      cell: (one) => (one.units ? differenceText(one.units, units) : one.why || "–"),
      right: true,
      minWidth: 150,
    },
    {
      id: "revenue",
      header: "Revenue",
      cell: (one) => (one.revenue ? differenceText(one.revenue, money(currency)) : "–"),
      right: true,
      minWidth: 160,
      wide: true,
    },
    {
      id: "margin",
      header: "Margin",
      cell: (one) =>
        one.outcome?.margin && one.outcome.margin_known ? differenceText(one.outcome.margin, money(currency)) : "–",
      right: true,
      minWidth: 160,
    },
    {
      id: "orders",
      header: "Tonight's orders",
      cell: (one) => (one.outcome?.orders.known ? amount(one.outcome.orders.value_scenario, currency, 0) : "–"),
      right: true,
      wide: true,
      minWidth: 120,
    },
    { id: "like", header: "Like events", cell: (one) => count(one.like_events), right: true },
  ];
  return (
    <SpaceBetween size="l">
      <DataTable
        title="Side by side"
        columns={columns}
        rows={scenarios}
        rowId={(one) => one.scenario_id}
        loading={false}
        empty={null}
      />
      {known.length > 0 && (
        <Container header={<Header variant="h2">Against the baseline, day by day</Header>}>
          <EChart
            option={option}
            height={280}
            label={known
              .map((one) => `${one.name}: ${one.units ? differenceText(one.units, units) : "unknown"} units`)
              .join("; ")}
          />
        </Container>
      )}
    </SpaceBetween>
  );
}
