import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Toggle from "@cloudscape-design/components/toggle";
import { type ReactNode, useState } from "react";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { useMay, useMe } from "../../app/me";
import { type Figure, Figures } from "../../components/Figures";
import { Empty, Loaded } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { Page } from "../../components/Page";
import { To } from "../../components/To";
import { ago, amount, count, day, percent, units } from "../../lib/format";
import { seriesAddress } from "../../lib/url";
import { AlertRow } from "./AlertRow";
import { SoldToday } from "./SoldToday";

type Tile = Schemas["Tile"];

const TILES: Record<Tile["name"], string> = {
  forecast_units: "Units, next 7 days",
  orders_value: "Orders proposed",
  orders_to_approve: "Lines to decide on",
  stockout_risks: "Will run out",
  overstock_series: "Too much stock",
  data_problems: "Data problems",
  quarantined_rows: "Rows in quarantine",
  jobs_running: "Jobs running",
};

/** What needs attention this morning, each one click from its cause. */
export default function TodayPage() {
  const { currency } = useConfig();
  const me = useMe();
  const today = useGet("/v1/today", {}, { refetchInterval: 60_000 });
  const view = today.data;
  const figures = (tiles: Tile[]): Figure[] =>
    tiles.map((one) => ({
      label: TILES[one.name],
      value: one.name === "orders_value" ? amount(one.value, currency, 0) : count(one.value),
      href: one.link,
    }));
  const description = view?.last_sales
    ? `Sales are in until ${day(view.last_sales)}${view.forecast_at ? `; forecast ${ago(view.forecast_at)}` : ""}.`
    : "What needs attention.";
  return (
    <Page title="Today" description={`Good day, ${me.name}. ${description}`}>
      <Loaded query={today} what="today">
        {(found) => (
          <SpaceBetween size="l">
            {found.next_steps.length > 0 ? (
              <FirstSteps steps={found.next_steps} sales={Boolean(found.last_sales)} />
            ) : (
              <Figures items={figures(found.tiles)} />
            )}
            {found.next_steps.length === 0 && (
              <Grid gridDefinition={[{ colspan: { default: 12, m: 7 } }, { colspan: { default: 12, m: 5 } }]}>
                <Attention open={found.alerts} acknowledged={found.acknowledged} />
                <SpaceBetween size="l">
                  <SoldToday />
                  <RunOut />
                  <Movers />
                </SpaceBetween>
              </Grid>
            )}
          </SpaceBetween>
        )}
      </Loaded>
    </Page>
  );
}

function FirstSteps({ steps, sales }: { steps: string[]; sales: boolean }) {
  return (
    <Container header={<Header variant="h2">First</Header>}>
      <Empty
        title={steps[0] ?? ""}
        text={
          sales
            ? undefined
            : "Drop the files your systems write; what their columns mean is found out and shown before anything is loaded."
        }
        action={
          <To href={sales ? "/data/jobs" : "/data/upload"}>{sales ? "Start the cycle under Jobs" : "Load files"}</To>
        }
      />
    </Container>
  );
}

const SHOWN = 8;

function Attention({ open, acknowledged }: { open: Schemas["AlertView"][]; acknowledged: number }) {
  const planner = useMay("planner");
  const { sayProblem } = useNotices();
  const [all, showAll] = useState(false);
  const [seen, showSeen] = useState(false);
  const every = useGet("/v1/alerts", { params: { query: { state: ["open", "acknowledged"] } } }, { enabled: seen });
  const change = useChange(
    ({ id, again }: { id: string; again: boolean }) =>
      again
        ? answer(api.POST("/v1/alerts/{alert_id}/reopen", { params: { path: { alert_id: id } } }))
        : answer(
            api.POST("/v1/alerts/{alert_id}/acknowledge", { params: { path: { alert_id: id } }, body: { note: "" } }),
          ),
    ["/v1/today", "/v1/alerts"],
  );
  const alerts = seen ? (every.data ?? open) : open;
  const shown = all ? alerts : alerts.slice(0, SHOWN);
  return (
    <Container
      header={
        <Header
          variant="h2"
          counter={`(${open.length})`}
          description="The gravest first. Each leads to its cause."
          actions={
            acknowledged > 0 && (
              <Toggle checked={seen} onChange={({ detail }) => showSeen(detail.checked)}>
                Seen ones too
              </Toggle>
            )
          }
        >
          Needs attention
        </Header>
      }
    >
      {alerts.length ? (
        <SpaceBetween size="m">
          {shown.map((one) => (
            <AlertRow
              key={one.alert_id}
              alert={one}
              busy={change.isPending}
              onSeen={
                planner ? (again) => change.mutate({ id: one.alert_id, again }, { onError: sayProblem }) : undefined
              }
            />
          ))}
          <SpaceBetween direction="horizontal" size="m">
            {alerts.length > SHOWN && (
              <Button variant="inline-link" onClick={() => showAll(!all)}>
                {all ? "Show fewer" : `Show all ${count(alerts.length)}`}
              </Button>
            )}
            <To href="/alerts">Alerts by cause, with their history</To>
          </SpaceBetween>
        </SpaceBetween>
      ) : (
        <Empty title="Nothing needs you" text="No risk, no problem, no line to decide on." />
      )}
    </Container>
  );
}

interface CardProps {
  title: string;
  description: string;
  more: string;
  href: string;
  children: ReactNode;
}

function Card({ title, description, more, href, children }: CardProps) {
  return (
    <Container
      header={
        <Header variant="h2" description={description}>
          {title}
        </Header>
      }
      footer={<To href={href}>{more}</To>}
    >
      {children}
    </Container>
  );
}

function RunOut() {
  const lines = useGet("/v1/orders", { params: { query: { sort: "-risk", state: ["proposed"], limit: 5 } } });
  return (
    <Card title="Most urgent orders" description="Chance to be sold out without them." more="All orders" href="/orders">
      <Loaded query={lines} what="orders">
        {(page) =>
          page.rows.length ? (
            <SpaceBetween size="s">
              {page.rows.map((one) => (
                <Item
                  key={one.line_id}
                  href={`/orders/line/${one.line_id}`}
                  text={one.item_name || one.item_id}
                  note={`${one.location_name || one.location_id} · ${units(one.on_hand)} in stock, ${units(one.window_mean)} expected to sell`}
                  value={percent(one.p_stockout_without)}
                />
              ))}
            </SpaceBetween>
          ) : (
            <Empty title="Nothing waits for a decision" />
          )
        }
      </Loaded>
    </Card>
  );
}

function Movers() {
  const series = useGet("/v1/forecasts/series", { params: { query: { limit: 5, sort: "-change" } } });
  return (
    <Card
      title="Grows most"
      description="Expected against the last four weeks."
      more="All forecasts"
      href="/forecasts?sort=-change"
    >
      <Loaded query={series} what="forecasts">
        {(page) => (
          <SpaceBetween size="s">
            {page.rows
              .filter((one) => (one.change ?? 0) > 0)
              .map((one) => (
                <Item
                  key={`${one.item_id} ${one.location_id}`}
                  href={seriesAddress(one.item_id, one.location_id)}
                  text={one.item_name || one.item_id}
                  note={`${one.location_name || one.location_id} · ${units(one.recent_per_day)} → ${units(one.per_day)} a day`}
                  value={`+${percent(one.change)}`}
                />
              ))}
          </SpaceBetween>
        )}
      </Loaded>
    </Card>
  );
}

function Item({ href, text, note, value }: { href: string; text: string; note?: string; value: ReactNode }) {
  return (
    <div className="item">
      <div>
        <To href={href}>{text}</To>
        {note && (
          <Box variant="small" display="block" color="text-body-secondary">
            {note}
          </Box>
        )}
      </div>
      <div className="item-value">{value}</div>
    </div>
  );
}
