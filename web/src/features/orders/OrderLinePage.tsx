import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Grid from "@cloudscape-design/components/grid";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { useParams } from "react-router";
import { useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { useMay } from "../../app/me";
import { Loaded } from "../../components/Loaded";
import { Page } from "../../components/Page";
import { To } from "../../components/To";
import { amount, day, moment, percent, units, weekday, words } from "../../lib/format";
import { seriesAddress } from "../../lib/url";
import { EditQuantity } from "./EditQuantity";
import { type OrderDetail, STATES, STATUSES, useDecide } from "./model";
import { Projection } from "./Projection";
import { ReasonDialog } from "./ReasonDialog";
import { Trace } from "./Trace";

/** One order line with everything behind it: the trace from demand to quantity, and the decision on it. */
export default function OrderLinePage() {
  const { line: id = "" } = useParams();
  const detail = useGet("/v1/orders/{line_id}", { params: { path: { line_id: id } } });
  const line = detail.data?.line;
  return (
    <Page
      title={line ? `${line.item_name || line.item_id} for ${line.location_name || line.location_id}` : "Order line"}
      trail={[{ text: "Orders", href: "/orders" }]}
      description={line?.sentence}
      actions={detail.data && <Actions detail={detail.data} />}
    >
      <Loaded query={detail} what="the order line">
        {(one) => (
          <SpaceBetween size="l">
            <Facts detail={one} />
            {one.data_flags.length > 0 && (
              <Alert type="warning" header="The data behind this line has gaps">
                {one.data_flags.map(words).join(", ")}. Check the stock and the terms before you approve.
              </Alert>
            )}
            <Grid gridDefinition={[{ colspan: { default: 12, m: 6 } }, { colspan: { default: 12, m: 6 } }]}>
              <Trace detail={one} />
              <Projection detail={one} />
            </Grid>
            <Grid gridDefinition={[{ colspan: { default: 12, m: 6 } }, { colspan: { default: 12, m: 6 } }]}>
              <Rules detail={one} />
              <History detail={one} />
            </Grid>
          </SpaceBetween>
        )}
      </Loaded>
    </Page>
  );
}

function Actions({ detail }: { detail: OrderDetail }) {
  const { line } = detail;
  const planner = useMay("planner");
  const { decide, busy } = useDecide();
  const [asking, ask] = useState<"edit" | "reject">();
  if (!planner) return null;
  const open = line.state === "proposed";
  const undoable = line.state === "approved" || line.state === "rejected";
  const only = { line_ids: [line.line_id], reason: "" };
  return (
    <>
      <SpaceBetween direction="horizontal" size="xs">
        {undoable && (
          <Button loading={busy} onClick={() => decide("take-back", only)}>
            Take back
          </Button>
        )}
        {open && <Button onClick={() => ask("edit")}>Change quantity</Button>}
        {open && <Button onClick={() => ask("reject")}>Reject</Button>}
        {open && line.decided_qty > 0 && (
          <Button variant="primary" loading={busy} onClick={() => decide("approve", only)}>
            Approve {units(line.decided_qty)}
          </Button>
        )}
      </SpaceBetween>
      {asking === "edit" && <EditQuantity line={line} onClose={() => ask(undefined)} />}
      {asking === "reject" && (
        <ReasonDialog
          title="Reject this line?"
          action="Reject"
          busy={busy}
          onCancel={() => ask(undefined)}
          onConfirm={(reason) => decide("reject", { ...only, reason }, () => ask(undefined))}
        />
      )}
    </>
  );
}

function Facts({ detail }: { detail: OrderDetail }) {
  const { line, why } = detail;
  const { currency } = useConfig();
  const [type, text] = line.state === "proposed" && line.status !== "auto" ? STATUSES[line.status] : STATES[line.state];
  return (
    <Container>
      <KeyValuePairs
        columns={4}
        items={[
          { label: "State", value: <StatusIndicator type={type}>{text}</StatusIndicator> },
          {
            label: "Order",
            value: (
              <>
                <b>{units(line.decided_qty)}</b> {line.unit === "each" ? "units" : line.unit}
                {line.edited ? ` (proposed: ${units(line.qty)})` : ""}
                {line.packs && !line.edited ? ` in ${units(line.packs)} packs of ${units(line.pack_size)}` : ""}
              </>
            ),
          },
          {
            label: "Value",
            value: amount(line.unit_cost == null ? null : line.unit_cost * line.decided_qty, currency),
          },
          {
            label: "From",
            value: <To href={`/orders?source=${encodeURIComponent(line.source_id)}`}>{line.source_id}</To>,
          },
          { label: "Order on, arrives", value: `${weekday(line.order_date)}, ${weekday(line.delivery_date)}` },
          {
            label: "Chance of a stock-out",
            value: `${percent(why.p_stockout_without)} without, ${percent(why.p_stockout_with)} with the order`,
          },
          { label: "Days of cover afterwards", value: units(line.cover_days_after) },
          {
            label: "Forecast",
            value: <To href={seriesAddress(line.item_id, line.location_id)}>History, forecast and drivers</To>,
          },
        ]}
      />
    </Container>
  );
}

function Rules({ detail }: { detail: OrderDetail }) {
  const kinds: Record<string, string> = {
    data: "About the data",
    level: "How much",
    step: "Rounding and limits",
    stop: "Why not",
    note: "Worth knowing",
  };
  return (
    <Container
      header={
        <Header variant="h2" description="The narrowest rule that holds wins.">
          Rules that were used
        </Header>
      }
    >
      <SpaceBetween size="m">
        <KeyValuePairs
          columns={2}
          items={detail.rules.map((one) => ({
            label: words(one.parameter),
            value: (
              <>
                {one.value}{" "}
                <Box variant="small" color="text-body-secondary">
                  ({words(one.scope).toLowerCase()})
                </Box>
              </>
            ),
          }))}
        />
        {detail.reasons.length > 0 && (
          <KeyValuePairs
            columns={1}
            items={detail.reasons.map((one) => ({ label: kinds[one.kind] ?? words(one.kind), value: words(one.code) }))}
          />
        )}
      </SpaceBetween>
    </Container>
  );
}

function History({ detail }: { detail: OrderDetail }) {
  return (
    <Container header={<Header variant="h2">What became of it</Header>}>
      <SpaceBetween size="s">
        <Box>
          {day(detail.line.cutoff)}: proposed {units(detail.line.qty)} by the engine.
        </Box>
        {detail.history.map((one) => (
          <Box key={`${one.at}${one.after}`}>
            {moment(one.at)}: {one.who} {changeOf(one)}
            {one.reason && <Box color="text-body-secondary">“{one.reason}”</Box>}
          </Box>
        ))}
        {detail.erp_order_id && <Box>In the ERP as order {detail.erp_order_id}.</Box>}
      </SpaceBetween>
    </Container>
  );
}

function changeOf(one: OrderDetail["history"][number]): string {
  if (one.before === one.after) return `changed the quantity to ${units(one.qty)}.`;
  return `made it ${one.after.replaceAll("_", " ")} (${units(one.qty)}).`;
}
