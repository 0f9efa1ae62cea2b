import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { ReactNode } from "react";
import { useGet } from "../../api/client";
import { ApiProblem } from "../../api/problem";
import { useConfig } from "../../app/config";
import { useMe } from "../../app/me";
import { Figures } from "../../components/Figures";
import { JobState } from "../../components/JobState";
import { Empty, Loaded } from "../../components/Loaded";
import { Page } from "../../components/Page";
import { To } from "../../components/To";
import { ago, amount, count, day, percent, units, words } from "../../lib/format";
import { seriesAddress } from "../../lib/url";

/** What needs attention this morning, each one click from its cause. */
export default function TodayPage() {
  const { currency } = useConfig();
  const me = useMe();
  const summary = useGet("/v1/orders/summary", {});
  const series = useGet("/v1/forecasts/series", { params: { query: { limit: 6, sort: "-change" } } });
  const tables = useGet("/v1/tables", {});
  const quality = useGet("/v1/quality", {});
  const until = tables.data?.find((one) => one.table === "sales")?.latest_period;
  const fresh = tables.data && tables.data.length === 0;
  const problems = quality.data?.checks.filter((one) => one.failed && one.severity !== "info") ?? [];
  if (fresh) return <FirstDay />;
  return (
    <Page title="Today" description={`Good day, ${me.name}. ${until ? `Sales are in until ${day(until)}.` : ""}`}>
      <Figures
        items={[
          {
            label: "Order lines to decide on",
            value: count(summary.data?.to_approve),
            note: summary.data && `worth ${amount(summary.data.value, currency, 0)}`,
            href: "/orders?state=proposed",
          },
          {
            label: "Of these to look at",
            value: count(summary.data?.by_status.review ?? (summary.data && 0)),
            note: "the engine isn't sure",
            href: "/orders?status=review&state=proposed",
          },
          {
            label: "Expected demand",
            value: count(series.data?.totals.mean),
            note: series.data && `units until ${day(series.data.last)}`,
            href: "/forecasts",
          },
          {
            label: "Data problems",
            value: quality.data ? count(problems.length) : "–",
            note: "checks that failed",
            href: "/data/quality",
          },
        ]}
      />
      <Grid gridDefinition={[{ colspan: { default: 12, m: 6 } }, { colspan: { default: 12, m: 6 } }]}>
        <RunOut />
        <DataProblems />
      </Grid>
      <Grid gridDefinition={[{ colspan: { default: 12, m: 6 } }, { colspan: { default: 12, m: 6 } }]}>
        <Movers />
        <Work />
      </Grid>
    </Page>
  );
}

function FirstDay() {
  return (
    <Page title="Today" description="Nothing has been loaded yet.">
      <Container>
        <Empty
          title="Bring in your sales history first"
          text="Drop the files your systems write; Shelfcast finds out what their columns mean. Forecasts and orders follow with the first cycle."
          action={<To href="/data/upload">Load files</To>}
        />
      </Container>
    </Page>
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
      fitHeight
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
  const lines = useGet("/v1/orders", { params: { query: { sort: "-risk", state: ["proposed"], limit: 6 } } });
  return (
    <Card
      title="May run out"
      description="Without the order proposed, these are likely to be sold out."
      more="All orders"
      href="/orders"
    >
      <Loaded query={lines} what="orders">
        {(page) =>
          page.rows.length ? (
            <List>
              {page.rows.map((one) => (
                <Item
                  key={one.line_id}
                  href={`/orders/line/${one.line_id}`}
                  text={one.item_name || one.item_id}
                  note={`${one.location_name || one.location_id} · ${units(one.on_hand)} in stock, ${units(one.window_mean)} expected to sell`}
                  value={percent(one.p_stockout_without)}
                />
              ))}
            </List>
          ) : (
            <Empty title="Nothing waits for a decision" />
          )
        }
      </Loaded>
    </Card>
  );
}

function DataProblems() {
  const quality = useGet("/v1/quality", {});
  const failed = quality.data?.checks.filter((one) => one.failed && one.severity !== "info") ?? [];
  const missing = quality.error instanceof ApiProblem && quality.error.status === 404;
  return (
    <Card title="Data" description="What the last check found." more="The whole report" href="/data/quality">
      {missing ? (
        <Empty title="The data have not been checked yet" />
      ) : (
        <Loaded query={quality} what="the quality report">
          {(report) => (
            <List>
              {failed.slice(0, 4).map((one) => (
                <Item
                  key={`${one.table}${one.rule}${one.column}`}
                  href="/data/quality"
                  {...shortened(one.message || one.meaning || one.rule)}
                  value={
                    <StatusIndicator type={one.severity === "error" ? "error" : "warning"}>
                      {count(one.failed)}
                    </StatusIndicator>
                  }
                />
              ))}
              {Boolean(report.quarantined) && (
                <Item
                  href="/data/quarantine"
                  text="Rows in quarantine"
                  note="Could not be used; mend them and bring them back."
                  value={count(report.quarantined)}
                />
              )}
              {report.anomalies.slice(0, 3).map((one) => (
                <Item
                  key={one.kind}
                  href={`/data/quality?kind=${one.kind}`}
                  text={`${words(one.kind)} in ${count(one.series)} series`}
                  value={count(one.flags)}
                />
              ))}
              {!failed.length && !report.quarantined && !report.anomalies.length && (
                <Empty title="All checks are good" />
              )}
            </List>
          )}
        </Loaded>
      )}
    </Card>
  );
}

/** The beginning of a sentence as the link, the rest below it. */
function shortened(message: string): { text: string; note?: string } {
  const cut = message.search(/[;:.] /);
  if (cut < 0) return { text: message };
  const rest = message.slice(cut + 2);
  return { text: message.slice(0, cut), note: rest.charAt(0).toUpperCase() + rest.slice(1) };
}

function Movers() {
  const series = useGet("/v1/forecasts/series", { params: { query: { limit: 6, sort: "-change" } } });
  return (
    <Card
      title="Grows most"
      description="Expected against the last four weeks."
      more="All forecasts"
      href="/forecasts?sort=-change"
    >
      <Loaded query={series} what="forecasts">
        {(page) => (
          <List>
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
          </List>
        )}
      </Loaded>
    </Card>
  );
}

function Work() {
  const jobs = useGet("/v1/jobs", { params: { query: { limit: 6 } } }, { refetchInterval: 10_000 });
  const runs = useGet("/v1/runs", { params: { query: { limit: 5 } } });
  return (
    <Card title="Work" description="What ran, what runs." more="All jobs" href="/data/jobs">
      <Loaded query={jobs} what="jobs">
        {(page) => (
          <List>
            {page.rows.map((one) => (
              <Item
                key={one.job_id}
                href={`/data/jobs/${one.job_id}`}
                text={one.title}
                note={one.error || ago(one.created_at)}
                value={<JobState state={one.state} />}
              />
            ))}
            {!page.rows.length &&
              (runs.data ?? []).map((one) => (
                <Item
                  key={one.run_id}
                  href="/data/jobs"
                  text={`Step ${one.step}`}
                  note={ago(one.ended_at ?? one.started_at)}
                  value={<JobState state={one.state} />}
                />
              ))}
          </List>
        )}
      </Loaded>
    </Card>
  );
}

function List({ children }: { children: ReactNode }) {
  return <SpaceBetween size="s">{children}</SpaceBetween>;
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
