import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { Schemas } from "../../api/client";
import { useConfig } from "../../app/config";
import { To } from "../../components/To";
import { amount, moment } from "../../lib/format";

interface Props {
  alert: Schemas["AlertView"];
  busy: boolean;
  /** Told with true to bring a seen one back. */
  onSeen?: (again: boolean) => void;
  onResolve?: () => void;
}

export const LOOKS = { critical: "error", warning: "warning", note: "info" } as const;
export const NAMES = { critical: "Urgent", warning: "Soon", note: "Note" } as const;

/** One thing to look at: what, why, what to do, and the way there. */
export function AlertRow({ alert, busy, onSeen, onResolve }: Props) {
  const { currency } = useConfig();
  const seen = alert.state !== "open";
  return (
    <div className="alert-row">
      <div className="alert-mark">
        <StatusIndicator type={seen ? "stopped" : LOOKS[alert.severity]}>
          {alert.state === "resolved" ? "Resolved" : seen ? "Seen" : NAMES[alert.severity]}
        </StatusIndicator>
      </div>
      <div className="alert-text">
        <To href={alert.link}>{alert.title.charAt(0).toUpperCase() + alert.title.slice(1)}</To>
        {alert.value_at_risk ? (
          <Box variant="span" color="text-body-secondary">
            {" "}
            · {amount(alert.value_at_risk, currency, 0)} at stake
          </Box>
        ) : null}
        <Box variant="small" display="block" color="text-body-secondary">
          {sentences(alert.detail, alert.detail.includes(alert.next_step) ? "" : alert.next_step)}
        </Box>
        {statusOf(alert) && (
          <Box variant="small" display="block" color="text-body-secondary">
            {statusOf(alert)}
          </Box>
        )}
      </div>
      <SpaceBetween direction="horizontal" size="m">
        {onResolve && alert.state !== "resolved" && (
          <Button variant="inline-link" disabled={busy} ariaLabel={`Resolved: ${alert.title}`} onClick={onResolve}>
            Resolved
          </Button>
        )}
        {onSeen && (
          <Button
            variant="inline-link"
            disabled={busy}
            ariaLabel={`${seen ? "Bring back" : "Seen"}: ${alert.title}`}
            onClick={() => onSeen(seen)}
          >
            {seen ? "Bring back" : "Seen"}
          </Button>
        )}
      </SpaceBetween>
    </div>
  );
}

/** Who has it, and since when. */
function statusOf(alert: Schemas["AlertView"]): string {
  const parts: string[] = [];
  if (alert.state === "acknowledged") parts.push(`Seen by ${alert.acknowledged_by}, ${moment(alert.acknowledged_at)}`);
  if (alert.state === "acknowledged" && alert.until) parts.push(`until ${moment(alert.until)}`);
  if (alert.state === "resolved")
    parts.push(
      alert.resolved_by === "shelfcast"
        ? `Gone since ${moment(alert.resolved_at)}`
        : `Resolved by ${alert.resolved_by}, ${moment(alert.resolved_at)}`,
    );
  if (alert.owner && alert.owner !== alert.acknowledged_by) parts.push(`${alert.owner} has it`);
  if (alert.note) parts.push(`“${alert.note}”`);
  if (alert.escalated && alert.state === "open") parts.push("Nobody took it in time");
  if (alert.muted && alert.state === "open") parts.push("Muted");
  return parts.join(" · ");
}

/** Texts one after the other, each ended. */
function sentences(...texts: string[]): string {
  return texts
    .filter(Boolean)
    .map((one) => (/[.!?…]$/.test(one.trim()) ? one.trim() : `${one.trim()}.`))
    .join(" ");
}
