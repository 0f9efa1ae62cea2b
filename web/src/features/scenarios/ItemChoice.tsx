import Multiselect from "@cloudscape-design/components/multiselect";
import { useState } from "react";
import { useGet } from "../../api/client";

/** Items found by words in their ids and names. */
export function ItemChoice({ items, onChange }: { items: string[]; onChange: (items: string[]) => void }) {
  const [text, setText] = useState("");
  const [names, setNames] = useState<Record<string, string>>({});
  const found = useGet("/v1/series", { params: { query: { search: text, limit: 100 } } });
  const options = new Map<string, { value: string; label: string; description: string; tags?: string[] }>();
  for (const one of found.data ?? []) {
    options.set(one.item_id, {
      value: one.item_id,
      label: one.item_name || one.item_id,
      description: [one.item_id, one.category].filter(Boolean).join(" · "),
    });
  }
  return (
    <Multiselect
      selectedOptions={items.map((value) => ({ value, label: names[value] ?? options.get(value)?.label ?? value }))}
      options={[...options.values()]}
      filteringType="manual"
      filteringPlaceholder="Find items"
      placeholder="Choose items"
      statusType={found.isFetching ? "loading" : found.error ? "error" : "finished"}
      loadingText="Looking…"
      errorText="Items can't be read"
      empty="No item found"
      onLoadItems={({ detail }) => setText(detail.filteringText)}
      onChange={({ detail }) => {
        setNames((all) => ({
          ...all,
          ...Object.fromEntries(detail.selectedOptions.map((one) => [one.value, one.label ?? ""])),
        }));
        onChange(detail.selectedOptions.map((one) => one.value ?? ""));
      }}
    />
  );
}
