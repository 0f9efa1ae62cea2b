import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import Select from "@cloudscape-design/components/select";
import { type ReactNode, useEffect, useRef, useState } from "react";

interface Option {
  value: string;
  label: string;
  description?: string;
}

/** Filters side by side, under each other on a narrow screen. */
export function Filters({ children }: { children: ReactNode }) {
  return <div className="filters">{children}</div>;
}

/** A search box that waits until one has stopped typing. */
export function Search({
  value,
  onChange,
  label,
}: {
  value: string;
  onChange: (value: string) => void;
  label: string;
}) {
  const [text, setText] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (value !== told.current) {
      told.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => {
    if (text === told.current) return;
    const wait = setTimeout(() => {
      told.current = text;
      onChange(text);
    }, 300);
    return () => clearTimeout(wait);
  }, [text, onChange]);
  return (
    <FormField label="Search">
      <Input
        type="search"
        value={text}
        ariaLabel={label}
        placeholder={label}
        onChange={({ detail }) => setText(detail.value)}
      />
    </FormField>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  options: Option[];
  onChange: (value: string) => void;
  /** Text of "no choice made"; without it one must be chosen. */
  any?: string;
  loading?: boolean;
}

export function Choice({ label, value, options, onChange, any, loading }: ChoiceProps) {
  const all = any === undefined ? options : [{ value: "", label: any }, ...options];
  const chosen = all.find((one) => one.value === value);
  return (
    <FormField label={label}>
      <Select
        selectedOption={chosen ?? (value ? { value, label: value } : null)}
        options={all}
        statusType={loading ? "loading" : "finished"}
        filteringType={all.length > 12 ? "auto" : "none"}
        onChange={({ detail }) => onChange(detail.selectedOption.value ?? "")}
        expandToViewport
      />
    </FormField>
  );
}

interface ChoicesProps {
  label: string;
  value: string[];
  options: Option[];
  onChange: (value: string[]) => void;
  loading?: boolean;
}

export function Choices({ label, value, options, onChange, loading }: ChoicesProps) {
  const chosen = value.map((one) => options.find((option) => option.value === one) ?? { value: one, label: one });
  const few = chosen.map((one) => one.label).join(", ");
  return (
    <FormField label={label}>
      <Multiselect
        selectedOptions={chosen}
        options={options}
        hideTokens
        statusType={loading ? "loading" : "finished"}
        placeholder={few || "All"}
        filteringType={options.length > 12 ? "auto" : "none"}
        onChange={({ detail }) => onChange(detail.selectedOptions.map((one) => one.value ?? ""))}
        expandToViewport
      />
    </FormField>
  );
}
