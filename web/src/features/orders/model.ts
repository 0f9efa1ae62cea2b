import type { StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { answer, api, type Schemas, useChange } from "../../api/client";
import { useNotices } from "../../components/notices";
import { count } from "../../lib/format";

export type OrderLine = Schemas["OrderLine"];
export type OrderDetail = Schemas["OrderDetail"];
export type Decision = Schemas["Decision"];
export type Verb = "approve" | "reject" | "take-back";

/** What became of a line, in the words of the screen. */
export const STATES: Record<OrderLine["state"], [StatusIndicatorProps.Type, string]> = {
  proposed: ["pending", "Proposed"],
  approved: ["success", "Approved"],
  sent: ["success", "Sent"],
  acknowledged: ["success", "Confirmed by the supplier"],
  in_transit: ["in-progress", "On its way"],
  received: ["success", "Received"],
  rejected: ["stopped", "Rejected"],
  cancelled: ["stopped", "Cancelled"],
};

/** What the engine says of a line, in the words of the screen. */
export const STATUSES: Record<OrderLine["status"], [StatusIndicatorProps.Type, string]> = {
  auto: ["success", "Nothing unusual"],
  review: ["warning", "Look at it"],
  held: ["pending", "Waits for the supplier's minimum"],
  none: ["stopped", "Nothing to order"],
};

const DONE: Record<Verb, string> = { approve: "approved", reject: "rejected", "take-back": "open again" };

/** Decide on lines, and say what came of it: how many were done, and why some were not. */
export function useDecide() {
  const { say, sayProblem } = useNotices();
  const change = useChange(
    ({ verb, body }: { verb: Verb; body: Decision }) => answer(api.POST(`/v1/orders/${verb}`, { body })),
    ["/v1/orders", "/v1/today"],
  );
  return {
    busy: change.isPending,
    decide(verb: Verb, body: Decision, done?: () => void) {
      change.mutate(
        { verb, body },
        {
          onSuccess: (result) => {
            const refused = result.lines.filter((one) => !one.done);
            if (result.done)
              say("success", `${count(result.done)} ${result.done === 1 ? "line is" : "lines are"} ${DONE[verb]}.`);
            if (refused.length) {
              say(
                "warning",
                [...new Set(refused.map((one) => one.why))].slice(0, 5).join(" "),
                `${count(result.refused)} not done`,
              );
            }
            if (!result.done && !refused.length) say("info", "No line matched.");
            done?.();
          },
          onError: sayProblem,
        },
      );
    },
  };
}
