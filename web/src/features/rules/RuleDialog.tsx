import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import DatePicker from "@cloudscape-design/components/date-picker";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { answer, api, type Schemas, useChange } from "../../api/client";
import { useConfig } from "../../app/config";
import { Confirm } from "../../components/Confirm";
import { useNotices } from "../../components/notices";
import { amount, count, units, words } from "../../lib/format";
import { SCOPES } from "./scopes";

type New = Schemas["NewRule"];
type Scope = New["scope"];

interface Props {
  parameters: Schemas["ParameterView"][];
  parameter: string;
  rule?: Schemas["RuleView"];
  onClose: () => void;
}

/** Set a rule from a day on; first see what it would change in tonight's orders. */
export function RuleDialog({ parameters, parameter, rule, onClose }: Props) {
  const { say } = useNotices();
  const [body, setBody] = useState<New>({
    scope: rule?.scope ?? "default",
    scope_value: rule && rule.scope_value !== "*" ? rule.scope_value : "",
    item_id: rule && rule.item_id !== "*" ? rule.item_id : "",
    location_id: rule && rule.location_id !== "*" ? rule.location_id : "",
    parameter,
    value: rule?.value ?? "",
    valid_from: new Date().toISOString().slice(0, 10),
    reason: "",
  });
  const set = (more: Partial<New>) => {
    preview.reset();
    setBody((before) => ({ ...before, ...more }));
  };
  const chosen = parameters.find((one) => one.parameter === body.parameter);
  const preview = useChange((one: New) => answer(api.POST("/v1/rules/preview", { body: one })), []);
  const save = useChange((one: New) => answer(api.PUT("/v1/rules", { body: one })), ["/v1/rules"]);
  const ready = body.parameter !== "" && body.value !== "" && (body.reason ?? "").trim().length >= 3;
  const problem = save.error ?? preview.error;
  return (
    <Confirm
      title={rule ? "Change the rule" : "Set a rule"}
      action="Set"
      busy={save.isPending}
      disabled={!ready}
      onCancel={onClose}
      onConfirm={() =>
        save.mutate(body, {
          onSuccess: () => {
            say("success", "The rule is set. The next orders are made by it.");
            onClose();
          },
        })
      }
    >
      <SpaceBetween size="m">
        {problem && <Alert type="error">{problem.message}</Alert>}
        <FormField label="What" description={chosen?.meaning}>
          <Select
            selectedOption={body.parameter ? { value: body.parameter, label: words(body.parameter) } : null}
            options={parameters.map((one) => ({
              value: one.parameter,
              label: words(one.parameter),
              description: one.meaning,
            }))}
            filteringType="auto"
            placeholder="Choose"
            onChange={({ detail }) => set({ parameter: detail.selectedOption.value ?? "", value: "" })}
          />
        </FormField>
        <FormField
          label={chosen?.unit ? `Value, ${chosen.unit}` : "Value"}
          constraintText={
            chosen &&
            [
              chosen.minimum != null && `from ${chosen.minimum}`,
              chosen.maximum != null && `to ${chosen.maximum}`,
              `usually ${chosen.default || "none"}`,
            ]
              .filter(Boolean)
              .join(", ")
          }
        >
          {chosen && (chosen.type !== "number" || chosen.allowed.length > 0) ? (
            <Select
              selectedOption={body.value ? { value: body.value, label: words(body.value) } : null}
              options={(chosen.allowed.length ? chosen.allowed : ["true", "false"]).map((value) => ({
                value,
                label: words(value),
              }))}
              placeholder="Choose"
              onChange={({ detail }) => set({ value: detail.selectedOption.value ?? "" })}
            />
          ) : (
            <Input value={body.value} inputMode="decimal" onChange={({ detail }) => set({ value: detail.value })} />
          )}
        </FormField>
        <FormField label="For">
          <Select
            selectedOption={SCOPES.find((one) => one.value === body.scope) ?? null}
            options={SCOPES}
            onChange={({ detail }) =>
              set({ scope: detail.selectedOption.value as Scope, scope_value: "", item_id: "", location_id: "" })
            }
          />
        </FormField>
        {["category", "supplier", "location"].includes(body.scope) && (
          <FormField label={`Which ${body.scope === "location" ? "store" : body.scope}`}>
            <Input value={body.scope_value ?? ""} onChange={({ detail }) => set({ scope_value: detail.value })} />
          </FormField>
        )}
        {body.scope.startsWith("item") && (
          <FormField label="Item id">
            <Input value={body.item_id ?? ""} onChange={({ detail }) => set({ item_id: detail.value })} />
          </FormField>
        )}
        {body.scope === "item_location" && (
          <FormField label="Store id">
            <Input value={body.location_id ?? ""} onChange={({ detail }) => set({ location_id: detail.value })} />
          </FormField>
        )}
        <FormField label="From">
          <DatePicker
            value={body.valid_from}
            placeholder="YYYY/MM/DD"
            expandToViewport
            onChange={({ detail }) => set({ valid_from: detail.value })}
          />
        </FormField>
        <FormField label="Reason" description="Kept with your name.">
          <Input
            value={body.reason ?? ""}
            onChange={({ detail }) => setBody((before) => ({ ...before, reason: detail.value }))}
            placeholder="Too many empty shelves in summer"
          />
        </FormField>
        <Button
          loading={preview.isPending}
          disabled={!body.parameter || !body.value}
          onClick={() => preview.mutate(body)}
        >
          What would it change tonight?
        </Button>
        {preview.data && <Effect effect={preview.data} />}
      </SpaceBetween>
    </Confirm>
  );
}

function Effect({ effect }: { effect: Schemas["RuleEffectView"] }) {
  const { currency } = useConfig();
  if (!effect.lines) return <Alert type="info">No order of tonight would change.</Alert>;
  return (
    <Alert
      type="info"
      header={`${count(effect.lines)} ${effect.lines === 1 ? "order line" : "order lines"} of tonight would change`}
    >
      Units {units(effect.units)} → {units(effect.units_after)}, value {amount(effect.value, currency, 0)} →{" "}
      {amount(effect.value_after, currency, 0)}.
      {effect.changed.slice(0, 5).map((one) => (
        <Box key={`${one.item_id} ${one.location_id} ${one.source_id}`} color="inherit">
          {one.item_id} in {one.location_id}: {units(one.qty)} → {units(one.qty_after)}
        </Box>
      ))}
    </Alert>
  );
}
