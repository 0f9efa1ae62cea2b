import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useEffect, useState } from "react";
import { answer, api, useChange, useGet } from "../../api/client";
import { useConfig } from "../../app/config";
import { Confirm } from "../../components/Confirm";
import { useNotices } from "../../components/notices";
import { amount, percent, units } from "../../lib/format";
import type { OrderLine } from "./model";

/** Another quantity, with what the engine expects of it before one saves; only what the terms allow can be saved. */
export function EditQuantity({ line, onClose }: { line: OrderLine; onClose: () => void }) {
  const { currency } = useConfig();
  const { say } = useNotices();
  const [text, setText] = useState(String(line.decided_qty));
  const [asked, setAsked] = useState(line.decided_qty);
  const [reason, setReason] = useState("");
  const quantity = text.trim() === "" ? Number.NaN : Number(text);
  useEffect(() => {
    if (!Number.isFinite(quantity) || quantity < 0) return;
    const wait = setTimeout(() => setAsked(quantity), 250);
    return () => clearTimeout(wait);
  }, [quantity]);
  const effect = useGet("/v1/orders/{line_id}/at", {
    params: { path: { line_id: line.line_id }, query: { qty: asked } },
  });
  const save = useChange(
    () =>
      answer(
        api.PUT("/v1/orders/{line_id}/quantity", {
          params: { path: { line_id: line.line_id } },
          body: { qty: quantity, reason: reason.trim(), expected_version: line.version },
        }),
      ),
    ["/v1/orders"],
  );
  const shown = effect.data?.qty === quantity ? effect.data : undefined;
  return (
    <Confirm
      title="Change the quantity"
      action="Save"
      busy={save.isPending}
      disabled={!shown?.allowed || reason.trim().length < 3 || quantity === line.decided_qty}
      onCancel={onClose}
      onConfirm={() =>
        save.mutate(undefined, {
          onSuccess: () => {
            say("success", `The quantity is ${units(quantity)} now. It still has to be approved.`);
            onClose();
          },
        })
      }
    >
      <SpaceBetween size="m">
        {save.error && <Alert type="error">{save.error.message}</Alert>}
        <FormField
          label="Units to order"
          description={`The engine proposed ${units(line.qty)}.`}
          errorText={
            shown && !shown.allowed
              ? shown.problems.join(" ")
              : Number.isFinite(quantity)
                ? undefined
                : "A number is needed"
          }
        >
          <Input
            type="number"
            inputMode="decimal"
            value={text}
            autoFocus
            onChange={({ detail }) => setText(detail.value)}
          />
        </FormField>
        {shown && !shown.allowed && shown.nearest.length > 0 && (
          <Box>
            Allowed next to it:{" "}
            {shown.nearest.map((one) => (
              <Button key={one} variant="inline-link" onClick={() => setText(String(one))}>
                {units(one)}
              </Button>
            ))}
          </Box>
        )}
        {shown?.allowed && (
          <KeyValuePairs
            columns={3}
            items={[
              { label: "Chance of a stock-out", value: percent(shown.p_stockout) },
              { label: "Days of cover", value: units(shown.cover_days) },
              { label: "Value", value: amount(shown.value, currency) },
              { label: "Units lost", value: units(shown.expected_lost) },
              { label: "Units wasted", value: units(shown.expected_waste) },
            ]}
          />
        )}
        <FormField label="Reason" description="Kept with your name.">
          <Textarea
            rows={2}
            value={reason}
            onChange={({ detail }) => setReason(detail.value)}
            placeholder="Street market on Saturday"
          />
        </FormField>
      </SpaceBetween>
    </Confirm>
  );
}
