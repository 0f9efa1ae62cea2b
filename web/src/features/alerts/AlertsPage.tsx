import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { useMay } from "../../app/me";
import { Empty, Loaded } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { Page } from "../../components/Page";
import { count, moment } from "../../lib/format";
import { useAddress } from "../../lib/url";
import { AlertRow, LOOKS, NAMES } from "../today/AlertRow";
import { byCause, causeName, gravest } from "./groups";
import { Mutes } from "./Mutes";

type Alert = Schemas["AlertView"];

const SHOWN = {
  open: ["open"],
  standing: ["open", "acknowledged"],
  resolved: ["resolved"],
} as const satisfies Record<string, readonly Alert["state"][]>;
type Shown = keyof typeof SHOWN;
const FILTERS = { show: "open" };
const OPENED_UP_TO = 3;

/** Every alert by its cause, what was done about it, and when people aren't told. */
export default function AlertsPage() {
  const [filters, setFilters] = useAddress(FILTERS);
  const show: Shown = filters.show in SHOWN ? (filters.show as Shown) : "open";
  const alerts = useGet(
    "/v1/alerts",
    { params: { query: { state: [...SHOWN[show]] } } },
    { staleTime: 0, refetchInterval: 60_000 },
  );
  return (
    <Page title="Alerts" description="What needs attention, by cause. Each leads to where the cause can be seen.">
      <SpaceBetween size="l">
        <SegmentedControl
          label="Which alerts"
          selectedId={show}
          onChange={({ detail }) => setFilters({ show: detail.selectedId })}
          options={[
            { id: "open", text: "Open" },
            { id: "standing", text: "Open and seen" },
            { id: "resolved", text: "Resolved" },
          ]}
        />
        <Loaded query={alerts} what="alerts">
          {(found) =>
            found.length ? (
              <SpaceBetween size="m">
                {byCause(found).map((group) => (
                  <Cause key={group.cause} cause={group.cause} alerts={group.alerts} />
                ))}
              </SpaceBetween>
            ) : (
              <Container>
                <Empty title={show === "resolved" ? "Nothing was resolved yet" : "Nothing needs you"} />
              </Container>
            )
          }
        </Loaded>
        <Mutes />
      </SpaceBetween>
    </Page>
  );
}

function Cause({ cause, alerts }: { cause: string; alerts: Alert[] }) {
  const severity = gravest(alerts);
  return (
    <ExpandableSection
      variant="container"
      defaultExpanded={alerts.length <= OPENED_UP_TO}
      headerText={causeName(cause)}
      headerCounter={`(${count(alerts.length)})`}
      headerInfo={<StatusIndicator type={LOOKS[severity]}>{NAMES[severity]}</StatusIndicator>}
    >
      <SpaceBetween size="m">
        {alerts.map((one) => (
          <OneAlert key={one.alert_id} alert={one} />
        ))}
      </SpaceBetween>
    </ExpandableSection>
  );
}

const STALE = ["/v1/today", "/v1/alerts"];

function OneAlert({ alert }: { alert: Alert }) {
  const planner = useMay("planner");
  const { sayProblem } = useNotices();
  const path = { params: { path: { alert_id: alert.alert_id } } };
  const change = useChange((what: "acknowledge" | "resolve" | "reopen") => {
    if (what === "reopen") return answer(api.POST("/v1/alerts/{alert_id}/reopen", path));
    if (what === "resolve") return answer(api.POST("/v1/alerts/{alert_id}/resolve", { ...path, body: { note: "" } }));
    return answer(api.POST("/v1/alerts/{alert_id}/acknowledge", { ...path, body: { note: "" } }));
  }, STALE);
  const act = (what: "acknowledge" | "resolve" | "reopen") => change.mutate(what, { onError: sayProblem });
  return (
    <div>
      <AlertRow
        alert={alert}
        busy={change.isPending}
        onSeen={planner ? (again) => act(again ? "reopen" : "acknowledge") : undefined}
        onResolve={planner ? () => act("resolve") : undefined}
      />
      <History alert={alert} />
    </div>
  );
}

function History({ alert }: { alert: Alert }) {
  return (
    <ExpandableSection headerText="What happened" variant="footer">
      <Events id={alert.alert_id} />
    </ExpandableSection>
  );
}

function Events({ id }: { id: string }) {
  const detail = useGet("/v1/alerts/{alert_id}", { params: { path: { alert_id: id } } });
  return (
    <Loaded query={detail} what="history">
      {(found) => (
        <SpaceBetween size="xxs">
          {found.history.map((one) => (
            <div key={`${one.at} ${one.did}`}>
              {moment(one.at)}: {one.did}
              {one.who === "shelfcast" ? "" : `, ${one.who}`}
              {one.note ? ` (“${one.note}”)` : ""}
            </div>
          ))}
          {found.history.length === 0 && <div>Seen just now, {moment(found.alert.since)}.</div>}
          {found.episodes.length > 0 && <Header variant="h3">Earlier</Header>}
          {found.episodes.map((one) => (
            <div key={one.since}>
              {moment(one.since)} to {moment(one.resolved_at)}: {one.title}
            </div>
          ))}
        </SpaceBetween>
      )}
    </Loaded>
  );
}
