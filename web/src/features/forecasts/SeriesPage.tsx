import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useMemo, useState } from "react";
import { useNavigate } from "react-router";
import { download, useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { useMay } from "../../app/me";
import { FanChart } from "../../charts/FanChart";
import { type Column, DataTable } from "../../components/DataTable";
import { type Figure, Figures } from "../../components/Figures";
import { Empty, Loaded } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { Page } from "../../components/Page";
import { ago, amount, count, day, units, weekday } from "../../lib/format";
import { useAddress } from "../../lib/url";
import { Drivers } from "./Drivers";
import { futureDays, pastDays, type SeriesDetail, spansOf } from "./model";
import { OverrideDialog } from "./OverrideDialog";
import { Overrides } from "./Overrides";
import { PastForecasts } from "./PastForecasts";

const ADDRESS = { item: "", location: "", cutoff: "" };

/** One item at one place: what was sold, what is expected and why. */
export default function SeriesPage() {
  const [{ item, location, cutoff }] = useAddress(ADDRESS);
  const planner = useMay("planner");
  const navigate = useNavigate();
  const { sayProblem } = useNotices();
  const [overriding, setOverriding] = useState(false);
  const series = useGet(
    "/v1/series/detail",
    { params: { query: { item_id: item, location_id: location, days: 400, ...(cutoff && { cutoff }) } } },
    { enabled: item !== "" && location !== "" },
  );
  const one = series.data;
  const title = one ? `${one.item_name || one.item_id} in ${one.location_name || one.location_id}` : "Series";
  return (
    <Page
      title={title}
      trail={[{ text: "Forecasts", href: "/forecasts" }]}
      description={one && [one.item_id, one.location_id, one.category, one.brand].filter(Boolean).join(" · ")}
      actions={
        one && (
          <SpaceBetween direction="horizontal" size="xs">
            <Button
              iconName="download"
              onClick={() =>
                download(
                  "/v1/forecasts/download",
                  { item, location, format: "csv" },
                  `forecast-${item}-${location}.csv`,
                ).catch(sayProblem)
              }
            >
              CSV
            </Button>
            {one.order_line_id && (
              <Button
                href={`/orders/line/${one.order_line_id}`}
                onFollow={(event) => {
                  event.preventDefault();
                  navigate(`/orders/line/${one.order_line_id}`);
                }}
              >
                Order
              </Button>
            )}
            {planner && (
              <Button variant="primary" disabled={!one.forecast.length} onClick={() => setOverriding(true)}>
                Override
              </Button>
            )}
          </SpaceBetween>
        )
      }
    >
      {!item || !location ? (
        <Empty title="No series chosen" text="Choose one on the Forecasts page." />
      ) : (
        <Loaded query={series} what="the series">
          {(detail) => <Content series={detail} />}
        </Loaded>
      )}
      {overriding && one && <OverrideDialog series={one} onClose={() => setOverriding(false)} />}
    </Page>
  );
}

function Content({ series }: { series: SeriesDetail }) {
  const { currency } = useConfig();
  const past = useMemo(() => pastDays(series), [series]);
  const future = useMemo(() => futureDays(series), [series]);
  const spans = useMemo(() => spansOf(series), [series]);
  const recent = past.slice(-28);
  const soFar = useGet(
    "/v1/sales/today",
    { params: { query: { location: [series.location_id], item: [series.item_id], by_item: true } } },
    { refetchInterval: 60_000 },
  );
  const today = soFar.data?.rows[0];
  const total = future.reduce((sum, one) => sum + one.mean, 0);
  const perDay = future.length ? total / future.length : 0;
  const outs = recent.filter((one) => one.stockOut).length;
  const stock = series.stock?.on_hand;
  const price = future[0]?.price ?? past.at(-1)?.price;
  const fallback = series.forecast.find((one) => one.fallback)?.fallback;
  const figures: Figure[] = [
    { label: `Expected, next ${future.length} days`, value: units(total), note: `${units(perDay)} a day` },
    {
      label: "Sold, last 28 days",
      value: units(recent.reduce((sum, one) => sum + (one.sales ?? 0), 0)),
      note: outs ? `stock ran out on ${count(outs)} days` : "never out of stock",
    },
    ...(today
      ? [
          {
            label: "Sold so far today",
            value: units(today.units),
            note: [
              today.expected_units != null && `${units(today.expected_units)} expected of the whole day`,
              today.last_event_at && `last rung up ${ago(today.last_event_at)}`,
            ]
              .filter(Boolean)
              .join("; "),
          },
        ]
      : []),
    {
      label: "In stock",
      value: units(stock),
      note: stock != null && perDay > 0 ? `lasts about ${units(Math.max(0, stock) / perDay)} days` : undefined,
    },
    ...(price != null ? [{ label: "Price", value: amount(price, currency, 2) }] : []),
  ];
  return (
    <SpaceBetween size="l">
      <Figures items={figures} />
      {fallback && (
        <Alert type="info" header="A simpler model stands in here">
          {fallback}
        </Alert>
      )}
      <Container
        header={
          <Header
            variant="h2"
            description={`From data until ${day(series.cutoff)}. The stronger the colour, the more likely; drag the slider for more history.`}
          >
            History and forecast
          </Header>
        }
      >
        {past.length + future.length > 0 ? (
          <SpaceBetween size="s">
            <FanChart
              name={series.item_name || series.item_id}
              past={past}
              future={future}
              spans={spans}
              currency={currency}
            />
            <Numbers series={series} />
          </SpaceBetween>
        ) : (
          <Empty title="Neither history nor forecast" />
        )}
      </Container>
      <Drivers series={series} />
      <PastForecasts series={series} />
      <Overrides series={series} />
    </SpaceBetween>
  );
}

type Day = SeriesDetail["forecast"][number];

const NUMBERS: Column<Day>[] = [
  { id: "date", header: "Day", cell: (one) => weekday(one.date), rowHeader: true },
  { id: "mean", header: "Mean", cell: (one) => <b>{units(one.mean)}</b>, right: true },
  { id: "q100", header: "10 %", cell: (one) => units(one.q100), right: true },
  { id: "q500", header: "Median", cell: (one) => units(one.q500), right: true },
  { id: "q900", header: "90 %", cell: (one) => units(one.q900), right: true },
  { id: "model", header: "Model", cell: (one) => one.model ?? "–", wide: true },
];

function Numbers({ series }: { series: SeriesDetail }) {
  return (
    <ExpandableSection headerText="The numbers">
      <DataTable
        variant="embedded"
        title="Forecast by day"
        columns={NUMBERS}
        rows={series.forecast}
        rowId={(one) => one.date}
        loading={false}
        empty={<Empty title="No forecast" />}
      />
    </ExpandableSection>
  );
}
