import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
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
}

const LOOKS = { high: "error", medium: "warning", low: "info" } as const;
const NAMES = { high: "Urgent", medium: "Soon", low: "Note" } as const;

/** One thing to look at: what, why, what to do, and the way there. */
export function AlertRow({ alert, busy, onSeen }: Props) {
  const { currency } = useConfig();
  const seen = Boolean(alert.acknowledged_by);
  return (
    <div className="alert-row">
      <div className="alert-mark">
        <StatusIndicator type={seen ? "stopped" : LOOKS[alert.severity]}>
          {seen ? "Seen" : NAMES[alert.severity]}
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
          {alert.detail} {alert.detail.includes(alert.next_step) ? "" : alert.next_step}
        </Box>
        {seen && (
          <Box variant="small" display="block" color="text-body-secondary">
            Seen by {alert.acknowledged_by}, {moment(alert.acknowledged_at)}
          </Box>
        )}
      </div>
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
    </div>
  );
}
