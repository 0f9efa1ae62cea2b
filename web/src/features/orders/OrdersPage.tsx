import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { download, type Schemas, useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { useMay } from "../../app/me";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable, Named } from "../../components/DataTable";
import { Figures } from "../../components/Figures";
import { Choice, Choices, Filters, Search } from "../../components/filters";
import { Empty, Loaded } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { Page } from "../../components/Page";
import { SavedViews } from "../../components/SavedViews";
import { To } from "../../components/To";
import { amount, count, day, monthDay, percent, units } from "../../lib/format";
import { usePages } from "../../lib/paging";
import { joined, many, useAddress } from "../../lib/url";
import { Exceptions } from "./Exceptions";
import { type OrderLine, STATES, STATUSES, useDecide, type Verb } from "./model";
import { ReasonDialog } from "./ReasonDialog";

const FILTERS = {
  source: "",
  state: "",
  status: "",
  location: "",
  search: "",
  sort: "-risk",
  nothing_too: "",
  reason: "",
};

/** What to order from whom, why, and the planner's decision on it. */
export default function OrdersPage() {
  const { currency } = useConfig();
  const planner = useMay("planner");
  const { sayProblem } = useNotices();
  const [filters, setFilters] = useAddress(FILTERS);
  const [chosen, choose] = useState<OrderLine[]>([]);
  const [asking, ask] = useState<"approve-all" | "reject">();
  const { decide, busy } = useDecide();
  const query = {
    source: many(filters.source),
    state: many(filters.state) as OrderLine["state"][],
    status: many(filters.status) as OrderLine["status"][],
    location: many(filters.location),
    search: filters.search,
    nothing_too: filters.nothing_too === "true",
  };
  const summary = useGet("/v1/orders/summary", {});
  const paging = usePages(JSON.stringify(filters));
  const lines = useGet("/v1/orders", {
    params: { query: { ...query, sort: filters.sort as "item", limit: 50, cursor: paging.cursor } },
  });
  const ids = chosen.map((one) => one.line_id);
  const clear = () => {
    choose([]);
    ask(undefined);
  };
  const act = (verb: Verb, reason = "") => decide(verb, { line_ids: ids, reason }, clear);
  const columns: Column<OrderLine>[] = [
    {
      id: "item",
      header: "Item",
      sort: "item",
      rowHeader: true,
      minWidth: 150,
      cell: (one) => <To href={`/orders/line/${one.line_id}`}>{one.item_name || one.item_id}</To>,
    },
    {
      id: "location",
      header: "Store",
      cell: (one) => <Named name={one.location_name} id={one.location_id} />,
      minWidth: 110,
    },
    { id: "source", header: "From", cell: (one) => one.source_id, sort: "source", wide: true },
    {
      id: "qty",
      header: "Order",
      sort: "qty",
      right: true,
      minWidth: 80,
      cell: (one) => (
        <>
          <b>{units(one.decided_qty)}</b>
          {one.edited && (
            <Box variant="small" display="block">
              was {units(one.qty)}
            </Box>
          )}
        </>
      ),
    },
    {
      id: "value",
      header: "Value",
      sort: "value",
      right: true,
      cell: (one) => amount(one.unit_cost == null ? null : one.unit_cost * one.decided_qty, currency),
    },
    { id: "delivery", header: "Arrives", cell: (one) => monthDay(one.delivery_date), wide: true, minWidth: 90 },
    {
      id: "risk",
      header: "Stock-out risk",
      sort: "risk",
      right: true,
      minWidth: 120,
      wide: true,
      cell: (one) => <Risk without={one.p_stockout_without} by={one.p_stockout_with} />,
    },
    { id: "why", header: "Why", cell: (one) => <Box fontSize="body-s">{one.sentence}</Box>, minWidth: 320, wide: true },
    {
      id: "state",
      header: "State",
      minWidth: 130,
      cell: (one) =>
        one.state === "proposed" && one.status !== "auto" ? (
          <StatusIndicator type={STATUSES[one.status][0]}>{STATUSES[one.status][1]}</StatusIndicator>
        ) : (
          <StatusIndicator type={STATES[one.state][0]}>{STATES[one.state][1]}</StatusIndicator>
        ),
    },
    { id: "stock", header: "In stock", cell: (one) => units(one.on_hand), right: true, optional: true },
    { id: "coming", header: "On order", cell: (one) => units(one.on_order_in_window), right: true, optional: true },
    { id: "demand", header: "Demand to cover", cell: (one) => units(one.window_mean), right: true, optional: true },
    {
      id: "cover",
      header: "Days of cover after",
      cell: (one) => units(one.cover_days_after),
      right: true,
      optional: true,
    },
    { id: "packs", header: "Packs", cell: (one) => units(one.packs), right: true, optional: true },
    { id: "by", header: "Decided by", cell: (one) => one.decided_by || "–", optional: true },
    { id: "reason", header: "Reason given", cell: (one) => one.reason || "–", optional: true },
  ];
  const narrowed = Boolean(filters.source || filters.state || filters.status || filters.location || filters.search);
  return (
    <Page
      title="Orders"
      description={
        summary.data
          ? `Proposals made from data until ${day(summary.data.cutoff)}. Each says why; approve what is right, change or reject the rest.`
          : "What to order from whom, and why."
      }
    >
      <Loaded query={summary} what="orders">
        {(all) => (
          <SpaceBetween size="l">
            <Figures
              items={[
                { label: "Lines to decide on", value: count(all.to_approve), href: "/orders?state=proposed" },
                { label: "Worth", value: amount(all.value, currency, 0) },
                {
                  label: "Look at these first",
                  value: count(all.by_status.review ?? 0),
                  href: "/orders?status=review",
                },
                {
                  label: "Approved",
                  value: count((all.by_state.approved ?? 0) + (all.by_state.sent ?? 0)),
                  href: "/orders?state=approved",
                },
              ]}
            />
            {filters.reason ? (
              <Exceptions code={filters.reason} cutoff={all.cutoff} onClose={() => setFilters({ ...FILTERS })} />
            ) : (
              <Sources
                sources={all.sources}
                chosen={query.source}
                onChoose={(source) => setFilters({ source: joined(source) })}
                onApprove={
                  planner
                    ? (source) =>
                        decide("approve", {
                          all_matching: {
                            source: [source],
                            status: ["auto"],
                            state: ["proposed"],
                            item: [],
                            location: [],
                            category: [],
                          },
                          line_ids: [],
                          reason: "",
                        })
                    : undefined
                }
                busy={busy}
              />
            )}
          </SpaceBetween>
        )}
      </Loaded>
      <DataTable
        title={query.source.length ? `Lines from ${query.source.join(", ")}` : "Lines"}
        description="Open a line for the whole trace from demand to quantity."
        columns={columns}
        rows={lines.data?.rows}
        rowId={(one) => one.line_id}
        loading={lines.isLoading}
        error={lines.error}
        onRetry={() => lines.refetch()}
        sort={filters.sort}
        onSort={(sort) => setFilters({ sort: allowedSort(sort) })}
        pages={paging.pages(lines.data?.next)}
        preferences="orders"
        selection={
          planner
            ? { selected: chosen, select: choose, label: (one) => `${one.item_id} at ${one.location_id}` }
            : undefined
        }
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button
              iconName="download"
              onClick={() =>
                download(
                  "/v1/orders/download",
                  { ...query, format: "csv" },
                  `orders-${lines.data?.cutoff ?? ""}.csv`,
                ).catch(sayProblem)
              }
            >
              CSV
            </Button>
            {planner && (
              <Button disabled={!ids.length} onClick={() => act("take-back")}>
                Take back
              </Button>
            )}
            {planner && (
              <Button disabled={!ids.length} onClick={() => ask("reject")}>
                Reject
              </Button>
            )}
            {planner &&
              (ids.length || !narrowed ? (
                <Button variant="primary" disabled={!ids.length} loading={busy} onClick={() => act("approve")}>
                  {ids.length ? `Approve ${count(ids.length)}` : "Approve"}
                </Button>
              ) : (
                <Button
                  variant="primary"
                  disabled={!lines.data?.rows.length}
                  loading={busy}
                  onClick={() => ask("approve-all")}
                >
                  Approve all that match
                </Button>
              ))}
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
              label="State"
              value={query.state}
              onChange={(value) => setFilters({ state: joined(value) })}
              options={Object.entries(STATES).map(([value, [, label]]) => ({ value, label }))}
            />
            <Choices
              label="The engine says"
              value={query.status}
              onChange={(value) =>
                setFilters({ status: joined(value), nothing_too: value.includes("none") ? "true" : "" })
              }
              options={Object.entries(STATUSES).map(([value, [, label]]) => ({ value, label }))}
            />
            <Choice
              label="Sorted by"
              value={filters.sort}
              onChange={(sort) => setFilters({ sort })}
              options={[
                { value: "-risk", label: "Stock-out risk" },
                { value: "-value", label: "Value" },
                { value: "-qty", label: "Units" },
                { value: "item", label: "Item" },
                { value: "source", label: "Supplier" },
              ]}
            />
            <SavedViews page="orders" />
          </Filters>
        }
        empty={
          <Empty
            title="No order lines"
            text={narrowed ? "No line matches these filters." : "The last cycle proposed nothing to order."}
            action={narrowed && <Button onClick={() => setFilters({ ...FILTERS })}>Clear the filters</Button>}
          />
        }
      />
      {asking === "reject" && (
        <ReasonDialog
          title={`Reject ${count(ids.length)} ${ids.length === 1 ? "line" : "lines"}?`}
          action="Reject"
          busy={busy}
          onCancel={() => ask(undefined)}
          onConfirm={(reason) => act("reject", reason)}
        />
      )}
      {asking === "approve-all" && (
        <Confirm
          title="Approve every line that matches?"
          action="Approve all"
          busy={busy}
          onCancel={() => ask(undefined)}
          onConfirm={() =>
            decide(
              "approve",
              {
                all_matching: {
                  source: query.source,
                  status: query.status,
                  location: query.location,
                  state: ["proposed"],
                  item: [],
                  category: [],
                },
                line_ids: [],
                reason: "",
              },
              clear,
            )
          }
          disabled={filters.search !== ""}
        >
          {filters.search
            ? "A search can't be approved as a whole: select the lines, or clear the search."
            : "All proposed lines of these filters, on every page, count as ordered from then on. You can take them back until they are sent."}
        </Confirm>
      )}
    </Page>
  );
}

const SORTS = ["item", "-value", "value", "-qty", "-risk", "source"];

/** The API sorts some columns one way only. */
function allowedSort(sort: string): string {
  if (SORTS.includes(sort)) return sort;
  const other = sort.startsWith("-") ? sort.slice(1) : `-${sort}`;
  return SORTS.includes(other) ? other : FILTERS.sort;
}

function Risk({ without, by }: { without?: number | null; by?: number | null }) {
  if (without == null) return <>–</>;
  return (
    <span title="Chance of a stock-out in the days the order covers: without it, with it">
      {percent(without)} → {percent(by)}
    </span>
  );
}

interface SourcesProps {
  sources: Schemas["SourceSummary"][];
  chosen: string[];
  onChoose: (source: string[]) => void;
  onApprove?: (source: string) => void;
  busy: boolean;
}

function Sources({ sources, chosen, onChoose, onApprove, busy }: SourcesProps) {
  const { currency } = useConfig();
  if (!sources.length) return null;
  const columns: Column<Schemas["SourceSummary"]>[] = [
    {
      id: "source",
      header: "Supplier",
      rowHeader: true,
      minWidth: 130,
      cell: (one) => (
        <Link
          href={`/orders?source=${encodeURIComponent(one.source_id)}`}
          onFollow={(event) => {
            event.preventDefault();
            onChoose([one.source_id]);
          }}
          ariaLabel={`Show the lines from ${one.source_id}`}
        >
          {chosen.includes(one.source_id) ? <b>{one.source_id}</b> : one.source_id || "No supplier known"}
        </Link>
      ),
    },
    { id: "value", header: "Value", cell: (one) => amount(one.value, currency, 0), right: true },
    { id: "lines", header: "Lines", cell: (one) => count(one.lines), right: true },
    { id: "state", header: "Where they stand", cell: standing, wide: true, minWidth: 200 },
    {
      id: "lost",
      header: "Units lost without",
      cell: (one) => units(one.lost_without),
      right: true,
      wide: true,
      minWidth: 120,
    },
    {
      id: "act",
      header: "Decide",
      minWidth: 110,
      cell: (one) =>
        onApprove ? (
          <Button
            variant="inline-link"
            disabled={busy || one.lines <= one.review + one.held + one.approved + one.sent + one.rejected}
            onClick={() => onApprove(one.source_id)}
            ariaLabel={`Approve what is usual from ${one.source_id}`}
          >
            Approve what is usual
          </Button>
        ) : (
          "–"
        ),
    },
  ];
  return (
    <DataTable
      title="By supplier"
      counter={`(${sources.length})`}
      actions={chosen.length > 0 && <Button onClick={() => onChoose([])}>Show all suppliers</Button>}
      columns={columns}
      rows={sources}
      rowId={(one) => one.source_id}
      loading={false}
      empty={null}
    />
  );
}

function standing(one: Schemas["SourceSummary"]): string {
  return (
    [
      one.review && `${count(one.review)} to look at`,
      one.held && `${count(one.held)} waiting for a minimum`,
      one.approved && `${count(one.approved)} approved`,
      one.sent && `${count(one.sent)} sent`,
      one.rejected && `${count(one.rejected)} rejected`,
    ]
      .filter(Boolean)
      .join(", ") || "All proposed, nothing unusual"
  );
}
