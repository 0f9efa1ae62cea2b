import Button from "@cloudscape-design/components/button";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import DatePicker from "@cloudscape-design/components/date-picker";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import { useState } from "react";
import type { Schemas } from "../../api/client";
import { words } from "../../lib/format";
import type { NewChange } from "./model";

interface Props {
  change: NewChange;
  choices: Schemas["ScenarioChoices"];
  onChange: (change: NewChange) => void;
  onRemove: () => void;
}

const TITLES: Record<NewChange["kind"], string> = {
  price: "Price",
  promotion: "Promotion",
  event: "Festival",
  weather: "Weather",
  delist: "Not on sale",
};

export function ChangeCard({ change, choices, onChange, onRemove }: Props) {
  const set = (more: Partial<NewChange>) => onChange({ ...change, ...more });
  const inside = (date: Date) => {
    const one = `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
    return one >= choices.first && one <= choices.last;
  };
  return (
    <Container
      header={
        <Header
          variant="h3"
          actions={
            <Button
              iconName="remove"
              variant="icon"
              ariaLabel={`Remove the ${TITLES[change.kind].toLowerCase()} change`}
              onClick={onRemove}
            />
          }
        >
          {TITLES[change.kind]}
        </Header>
      }
    >
      <ColumnLayout columns={4} minColumnWidth={150}>
        {change.kind === "event" && (
          <FormField label="Which festival">
            <Select
              selectedOption={change.event ? { value: change.event, label: change.event } : null}
              options={choices.events.map((value) => ({ value, label: value }))}
              placeholder="Choose"
              filteringType="auto"
              empty="The history knows no festivals"
              onChange={({ detail }) => set({ event: detail.selectedOption.value ?? "" })}
            />
          </FormField>
        )}
        {change.kind === "promotion" && (
          <FormField label="Kind">
            <Select
              selectedOption={{ value: change.promotion_type, label: words(change.promotion_type) }}
              options={(choices.promotion_types.length ? choices.promotion_types : ["price"]).map((value) => ({
                value,
                label: words(value),
              }))}
              onChange={({ detail }) => set({ promotion_type: detail.selectedOption.value ?? "price" })}
            />
          </FormField>
        )}
        {change.kind === "price" && (
          <Percent
            label="Change of the price"
            hint="-15 is 15 % cheaper"
            value={change.share ?? 0}
            onChange={(share) => set({ share })}
          />
        )}
        {change.kind === "promotion" && (
          <Percent
            label="Discount"
            hint="15 is 15 % off"
            value={change.discount_share ?? 0}
            onChange={(discount_share) => set({ discount_share })}
          />
        )}
        {change.kind === "promotion" && (
          <Percent
            label="Display"
            hint="100 is a full end of aisle"
            value={change.display_share ?? 0}
            onChange={(display_share) => set({ display_share })}
          />
        )}
        {change.kind === "weather" && (
          <Numeric
            label="Warmer by, °C"
            value={change.temperature_c}
            onChange={(temperature_c) => set({ temperature_c })}
          />
        )}
        {change.kind === "weather" && (
          <Numeric
            label="Rain a day, mm"
            value={change.precipitation_mm}
            onChange={(precipitation_mm) => set({ precipitation_mm })}
          />
        )}
        <FormField label={change.kind === "event" ? "First day" : "From"}>
          <DatePicker
            value={change.first}
            isDateEnabled={inside}
            placeholder="YYYY/MM/DD"
            expandToViewport
            onChange={({ detail }) =>
              set({ first: detail.value, ...(change.last < detail.value && { last: detail.value }) })
            }
          />
        </FormField>
        <FormField label={change.kind === "event" ? "Last day" : "To"}>
          <DatePicker
            value={change.last}
            isDateEnabled={inside}
            placeholder="YYYY/MM/DD"
            expandToViewport
            onChange={({ detail }) => set({ last: detail.value })}
          />
        </FormField>
      </ColumnLayout>
    </Container>
  );
}

function Percent({
  label,
  hint,
  value,
  onChange,
}: {
  label: string;
  hint: string;
  value: number;
  onChange: (value: number) => void;
}) {
  const [text, setText] = useState(String(Math.round(value * 1000) / 10));
  return (
    <FormField label={`${label}, %`} constraintText={hint}>
      <Input
        type="number"
        inputMode="decimal"
        value={text}
        onChange={({ detail }) => {
          setText(detail.value);
          if (detail.value.trim() !== "" && !Number.isNaN(Number(detail.value))) onChange(Number(detail.value) / 100);
        }}
      />
    </FormField>
  );
}

function Numeric({
  label,
  value,
  onChange,
}: {
  label: string;
  value?: number | null;
  onChange: (value: number | null) => void;
}) {
  const [text, setText] = useState(value == null ? "" : String(value));
  return (
    <FormField label={label}>
      <Input
        type="number"
        inputMode="decimal"
        value={text}
        onChange={({ detail }) => {
          setText(detail.value);
          onChange(detail.value.trim() === "" || Number.isNaN(Number(detail.value)) ? null : Number(detail.value));
        }}
      />
    </FormField>
  );
}
