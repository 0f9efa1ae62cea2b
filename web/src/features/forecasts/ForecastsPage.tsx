import Badge from "@cloudscape-design/components/badge";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { download, type Schemas, useGet } from "../../api/client";
import { type Column, DataTable, Named } from "../../components/DataTable";
import { Figures } from "../../components/Figures";
import { Choice, Choices, Filters, Search } from "../../components/filters";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { Page } from "../../components/Page";
import { SavedViews } from "../../components/SavedViews";
import { To } from "../../components/To";
import { count, day, percent, units } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { joined, many, seriesAddress, useAddress } from "../../lib/url";
import { Totals } from "./Totals";

type Row = Schemas["SeriesRow"];

const FILTERS = { search: "", location: "", category: "", department: "", sort: "-mean", by: "", period: "day" };
const SORTS = ["item", "-mean", "mean", "-change", "change", "-wide", "location"];

const COLUMNS: Column<Row>[] = [
  {
    id: "item",
    header: "Item",
    sort: "item",
    rowHeader: true,
    minWidth: 170,
    cell: (one) => (
      <>
        <To href={seriesAddress(one.item_id, one.location_id)}>{one.item_name || one.item_id}</To>
        {one.overridden && (
          <>
            {" "}
            <Badge color="blue">Override</Badge>
          </>
        )}
      </>
    ),
  },
  {
    id: "location",
    header: "Store",
    sort: "location",
    cell: (one) => <Named name={one.location_name} id={one.location_id} />,
    minWidth: 120,
  },
  { id: "category", header: "Category", cell: (one) => one.category || "–", wide: true },
  {
    id: "mean",
    header: "Expected units",
    cell: (one) => <b>{units(one.mean)}</b>,
    sort: "mean",
    right: true,
    minWidth: 100,
  },
  {
    id: "range",
    header: "80 % of cases",
    cell: (one) => `${units(one.low)} – ${units(one.high)}`,
    sort: "wide",
    right: true,
    wide: true,
    minWidth: 130,
  },
  { id: "day", header: "A day", cell: (one) => units(one.per_day), right: true, wide: true },
  {
    id: "recent",
    header: "A day, last 4 weeks",
    cell: (one) => units(one.recent_per_day),
    right: true,
    wide: true,
    minWidth: 110,
  },
  { id: "change", header: "Change", cell: (one) => <Change share={one.change} />, sort: "change", right: true },
  { id: "item_id", header: "Item id", cell: (one) => one.item_id, optional: true },
  { id: "department", header: "Department", cell: (one) => one.department || "–", optional: true },
  { id: "model", header: "Model", cell: (one) => one.model || "–", optional: true },
  { id: "fallback", header: "Why a simpler model", cell: (one) => one.fallback || "–", optional: true },
];

function Change({ share }: { share?: number | null }) {
  if (share == null) return <>–</>;
  return <>{share > 0 ? `+${percent(share)}` : percent(share)}</>;
}

/** Every series with what is expected of it, and the totals of what matches. */
export default function ForecastsPage() {
  const { sayProblem } = useNotices();
  const [filters, setFilters] = useAddress(FILTERS);
  const wanted = {
    search: filters.search,
    location: many(filters.location),
    category: many(filters.category),
    department: many(filters.department),
  };
  const choices = useGet("/v1/forecasts/choices", {}, { staleTime: 300_000 });
  const paging = usePages(JSON.stringify([wanted, filters.sort]));
  const series = useGet("/v1/forecasts/series", {
    params: { query: { ...wanted, sort: filters.sort as "item", limit: 50, cursor: paging.cursor } },
  });
  const totals = series.data?.totals;
  const options = (values: string[] | undefined) => (values ?? []).map((value) => ({ value, label: value }));
  const narrowed = Boolean(filters.search || filters.location || filters.category || filters.department);
  return (
    <Page
      title="Forecasts"
      description={
        series.data?.first
          ? `Expected demand from ${day(series.data.first)} to ${day(series.data.last)}, from data until ${day(series.data.cutoff)}.`
          : "What customers are expected to want, item by item and store by store."
      }
    >
      <Figures
        items={[
          { label: "Series", value: count(totals?.series), note: narrowed ? "that match" : "items in stores" },
          {
            label: "Expected units",
            value: count(totals?.mean),
            note: `${count(totals?.low)} – ${count(totals?.high)} in 80 % of cases`,
          },
        ]}
      />
      <Totals wanted={wanted} by={filters.by} period={filters.period} onChange={(change) => setFilters(change)} />
      <DataTable
        title="Series"
        counter={totals && `(${count(totals.series)})`}
        description="Open one for its history, its drivers and what may come."
        columns={COLUMNS}
        rows={series.data?.rows}
        rowId={(one) => `${one.item_id}\n${one.location_id}`}
        loading={series.isLoading}
        error={series.error}
        onRetry={() => series.refetch()}
        sort={filters.sort}
        onSort={(sort) => setFilters({ sort: allowed(sort) })}
        pages={paging.pages(series.data?.next)}
        preferences="forecasts"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button
              iconName="download"
              onClick={() =>
                download(
                  "/v1/forecasts/download",
                  { ...wanted, format: "csv" },
                  `forecasts-${series.data?.cutoff ?? ""}.csv`,
                ).catch(sayProblem)
              }
            >
              CSV
            </Button>
            <Button
              iconName="download"
              onClick={() =>
                download(
                  "/v1/forecasts/download",
                  { ...wanted, format: "parquet" },
                  `forecasts-${series.data?.cutoff ?? ""}.parquet`,
                ).catch(sayProblem)
              }
            >
              Parquet
            </Button>
          </SpaceBetween>
        }
        filter={
          <Filters>
            <Search
              value={filters.search}
              onChange={(search) => setFilters({ search })}
              label="Find items and stores"
            />
            <Choices
              label="Store"
              value={wanted.location}
              options={options(choices.data?.locations)}
              loading={choices.isLoading}
              onChange={(value) => setFilters({ location: joined(value) })}
            />
            <Choices
              label="Category"
              value={wanted.category}
              options={options(choices.data?.categories)}
              loading={choices.isLoading}
              onChange={(value) => setFilters({ category: joined(value) })}
            />
            <Choice
              label="Sorted by"
              value={filters.sort}
              onChange={(sort) => setFilters({ sort })}
              options={[
                { value: "-mean", label: "Most units" },
                { value: "mean", label: "Fewest units" },
                { value: "-change", label: "Grows most" },
                { value: "change", label: "Falls most" },
                { value: "-wide", label: "Least certain" },
                { value: "item", label: "Item" },
                { value: "location", label: "Store" },
              ]}
            />
            <SavedViews page="forecasts" />
          </Filters>
        }
        empty={
          <Empty
            title="No series"
            text={narrowed ? "None matches these filters." : "Nothing has been forecast yet."}
            action={narrowed && <Button onClick={() => setFilters({ ...FILTERS })}>Clear the filters</Button>}
          />
        }
      />
    </Page>
  );
}

/** The API sorts some columns one way only. */
function allowed(sort: string): string {
  if (SORTS.includes(sort)) return sort;
  const other = sort.startsWith("-") ? sort.slice(1) : `-${sort}`;
  return SORTS.includes(other) ? other : FILTERS.sort;
}
