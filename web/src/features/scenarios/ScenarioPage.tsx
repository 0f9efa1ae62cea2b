import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import CopyToClipboard from "@cloudscape-design/components/copy-to-clipboard";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useNavigate, useParams } from "react-router";
import { type Schemas, useGet } from "../../api/client";
import { useAppearance } from "../../app/appearance";
import { useConfig } from "../../app/config";
import { useMay } from "../../app/me";
import { EChart } from "../../charts/EChart";
import { linesOption } from "../../charts/lines";
import { paletteOf } from "../../charts/palette";
import { type Column, DataTable } from "../../components/DataTable";
import { type Figure, Figures } from "../../components/Figures";
import { isLive, JobProgress, useJob } from "../../components/JobProgress";
import { Empty, Loaded } from "../../components/Loaded";
import { Page } from "../../components/Page";
import { To } from "../../components/To";
import { amount, count, day, percent, signed, units } from "../../lib/format";
import { seriesAddress } from "../../lib/url";
import { aboutText, changeText, differenceText, money, percentSigned } from "./model";

type Outcome = Schemas["OutcomeView"];

/** One what-if and its answer. */
export default function ScenarioPage() {
  const { id = "" } = useParams();
  const navigate = useNavigate();
  const planner = useMay("planner");
  const queries = useQueryClient();
  const scenario = useGet("/v1/scenarios/{scenario_id}", { params: { path: { scenario_id: id } } }, { staleTime: 0 });
  const one = scenario.data;
  const open = one?.state === "saved" || one?.state === "running";
  const job = useJob(open ? (one?.job_id ?? "") : "");
  const ended = job.data !== undefined && !isLive(job.data);
  useEffect(() => {
    if (ended)
      void queries.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith("/v1/scenarios") });
  }, [ended, queries]);
  const again = (
    <Button onClick={() => navigate(`/what-if/new?from=${id}`)}>
      {one?.state === "refused" ? "Change it" : "Change and run again"}
    </Button>
  );
  return (
    <Page
      title={one?.name ?? "What-if"}
      trail={[{ text: "What-if", href: "/what-if" }]}
      description={one && `${one.changes.map(changeText).join("; ")}. For ${aboutText(one)}.`}
      actions={
        one && (
          <SpaceBetween direction="horizontal" size="xs">
            <CopyToClipboard
              variant="button"
              copyButtonText="Copy link"
              copySuccessText="Link copied"
              copyErrorText="Could not copy the link"
              textToCopy={`${location.origin}/what-if/${id}`}
            />
            {planner && again}
          </SpaceBetween>
        )
      }
    >
      <Loaded query={scenario} what="the what-if">
        {(found) => (
          <SpaceBetween size="l">
            {open && found.job_id && (
              <Container header={<Header variant="h2">Being worked out</Header>}>
                <JobProgress id={found.job_id} />
              </Container>
            )}
            {found.state === "refused" && (
              <Alert type="warning" header="History can't answer this" action={planner && again}>
                {found.why}
              </Alert>
            )}
            {found.state === "failed" && (
              <Alert type="error" header="It could not be worked out">
                {found.why || "Something went wrong on the way."}{" "}
                {found.job_id && <To href={`/data/jobs/${found.job_id}`}>See the log</To>}
              </Alert>
            )}
            {found.outcome && <Answer outcome={found.outcome} />}
          </SpaceBetween>
        )}
      </Loaded>
    </Page>
  );
}

/** The measures of an outcome as large numbers: the difference first, with its interval. */
export function figuresOf(outcome: Outcome, currency: string | undefined): Figure[] {
  const shown = money(currency);
  const { orders } = outcome;
  return [
    {
      label: "Units",
      value: signed(Math.round(outcome.units.difference)),
      note: `${units(outcome.units.baseline)} → ${units(outcome.units.scenario)}; 80 % of cases: ${differenceRange(outcome.units, units)}`,
    },
    ...(outcome.revenue
      ? [
          {
            label: "Revenue",
            value: withSign(outcome.revenue.difference, shown),
            note: `80 % of cases: ${differenceRange(outcome.revenue, shown)}`,
          },
        ]
      : []),
    ...(outcome.margin && outcome.margin_known
      ? [
          {
            label: "Margin",
            value: withSign(outcome.margin.difference, shown),
            note: `80 % of cases: ${differenceRange(outcome.margin, shown)}`,
          },
        ]
      : []),
    ...(orders.known
      ? [
          {
            label: "Tonight's orders",
            value: withSign((orders.value_scenario ?? 0) - (orders.value ?? 0), shown),
            note: `${shown(orders.value ?? 0)} → ${shown(orders.value_scenario ?? 0)}`,
          },
        ]
      : []),
  ];
}

function withSign(value: number, show: (value: number) => string): string {
  return value > 0 ? `+${show(value)}` : show(value);
}

function differenceRange(one: Schemas["MeasureView"], show: (value: number) => string): string {
  return `${withSign(one.difference_low, show)} to ${withSign(one.difference_high, show)}`;
}

function Answer({ outcome }: { outcome: Outcome }) {
  const { currency } = useConfig();
  return (
    <SpaceBetween size="l">
      <Figures items={figuresOf(outcome, currency)} />
      <Support outcome={outcome} />
      <Daily outcome={outcome} />
      <Orders outcome={outcome} />
      <BySeries outcome={outcome} />
    </SpaceBetween>
  );
}

/** What history says, as sentences. */
export function supportSentences(one: Schemas["SupportView"]): string[] {
  const range =
    one.uplift_mean == null
      ? ""
      : `In them demand changed by ${percentSigned(one.uplift_mean - 1)} on average (${percentSigned((one.uplift_low ?? 1) - 1)} to ${percentSigned((one.uplift_high ?? 1) - 1)} in most); the model says ${percentSigned((one.model_uplift ?? 1) - 1)} for the changed days.`;
  return [
    one.like_events
      ? `History holds ${count(one.like_events)} like events${one.at_the_same_festival ? `, ${count(one.at_the_same_festival)} at the same festival` : ""}.`
      : "The model alone stands behind this: there are no like events to compare with.",
    range,
    one.after != null && one.after < 0.97
      ? `In the two weeks afterwards ${percent(1 - one.after)} less was sold: some of it is bought ahead.`
      : "",
    one.neighbours != null && one.neighbours < 0.97
      ? `Other items of the category sold ${percent(1 - one.neighbours)} less meanwhile: some of it is taken from them.`
      : "",
    "This is what went together in the past, not proof of cause.",
  ].filter(Boolean);
}

function Support({ outcome }: { outcome: Outcome }) {
  const firm = outcome.support.like_events >= 10;
  return (
    <Alert type={firm ? "success" : "info"} header={firm ? "Well supported by history" : "Supported by few events"}>
      {supportSentences(outcome.support).map((one) => (
        <Box key={one} variant="p" color="inherit">
          {one}
        </Box>
      ))}
    </Alert>
  );
}

function Daily({ outcome }: { outcome: Outcome }) {
  const { dark } = useAppearance();
  const option = useMemo(() => {
    const colors = paletteOf(dark);
    const days = outcome.daily;
    return linesOption(
      days.map((one) => one.date),
      [
        {
          name: "What if",
          color: colors.festival,
          values: days.map((one) => one.scenario),
          band: {
            low: days.map((one) => one.scenario_low),
            high: days.map((one) => one.scenario_high),
            color: dark ? "rgba(255,180,84,0.22)" : "rgba(199,119,0,0.18)",
          },
        },
        { name: "Baseline", color: colors.forecast, values: days.map((one) => one.baseline), dashed: true },
      ],
      colors,
      "Units a day",
    );
  }, [outcome, dark]);
  return (
    <Container
      header={
        <Header variant="h2" description="All items and stores of the what-if together; the band holds 80 % of cases.">
          Day by day
        </Header>
      }
    >
      <EChart
        option={option}
        height={280}
        label={`Units a day from ${day(outcome.first)} to ${day(outcome.last)}: ${units(outcome.units.baseline)} in the baseline, ${differenceText(outcome.units, units)} in the what-if.`}
      />
    </Container>
  );
}

type OrderChange = Schemas["OrderChange"];

function Orders({ outcome }: { outcome: Outcome }) {
  const { currency } = useConfig();
  const { orders } = outcome;
  if (!orders.known) {
    return (
      <Container header={<Header variant="h2">Tonight's orders</Header>}>
        <Empty title="Orders are not known" text={orders.why} />
      </Container>
    );
  }
  const columns: Column<OrderChange>[] = [
    {
      id: "item",
      header: "Item",
      cell: (one) => <To href={seriesAddress(one.item_id, one.location_id)}>{one.item_id}</To>,
      rowHeader: true,
    },
    { id: "location", header: "Store", cell: (one) => one.location_id },
    { id: "source", header: "From", cell: (one) => one.source_id, wide: true },
    { id: "now", header: "Baseline", cell: (one) => units(one.qty), right: true },
    { id: "then", header: "What if", cell: (one) => <b>{units(one.qty_scenario)}</b>, right: true },
    { id: "change", header: "Change", cell: (one) => signed(one.difference), right: true },
    { id: "value", header: "Value", cell: (one) => amount(one.value_scenario, currency), right: true, wide: true },
  ];
  return (
    <DataTable
      title="Tonight's orders that change"
      counter={`(${orders.changed?.length ?? 0})`}
      description={`${count(orders.lines)} lines worth ${amount(orders.value, currency, 0)} become ${count(orders.lines_scenario)} worth ${amount(orders.value_scenario, currency, 0)}.`}
      columns={columns}
      rows={orders.changed ?? []}
      rowId={(one) => `${one.item_id} ${one.location_id} ${one.source_id}`}
      loading={false}
      empty={
        <Empty
          title="No order of tonight changes"
          text="The changed days lie beyond what tonight's orders have to cover."
        />
      }
    />
  );
}

type SeriesChange = Schemas["ScenarioSeries"];

function BySeries({ outcome }: { outcome: Outcome }) {
  const { currency } = useConfig();
  const columns: Column<SeriesChange>[] = [
    {
      id: "item",
      header: "Item",
      cell: (one) => <To href={seriesAddress(one.item_id, one.location_id)}>{one.item_id}</To>,
      rowHeader: true,
    },
    { id: "location", header: "Store", cell: (one) => one.location_id },
    { id: "units", header: "Units, baseline", cell: (one) => units(one.units), right: true, minWidth: 110 },
    { id: "then", header: "What if", cell: (one) => <b>{units(one.units_scenario)}</b>, right: true },
    {
      id: "change",
      header: "Change",
      cell: (one) => percentSigned(one.units ? one.units_scenario / one.units - 1 : null),
      right: true,
    },
    {
      id: "revenue",
      header: "Revenue",
      cell: (one) => `${amount(one.revenue, currency, 0)} → ${amount(one.revenue_scenario, currency, 0)}`,
      right: true,
      wide: true,
      minWidth: 150,
    },
  ];
  return (
    <DataTable
      title="By item and store"
      counter={`(${outcome.by_series.length})`}
      description="Those that change most first."
      columns={columns}
      rows={outcome.by_series.slice(0, 50)}
      rowId={(one) => `${one.item_id} ${one.location_id}`}
      loading={false}
      empty={<Empty title="Nothing changes" />}
    />
  );
}
