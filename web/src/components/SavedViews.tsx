import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { useMe } from "../app/me";
import { readViews, writeViews } from "../lib/views";
import { Confirm } from "./Confirm";

/** Filters, sorting and search of a page under a name, to come back to. */
export function SavedViews({ page }: { page: string }) {
  const me = useMe();
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const [views, setViews] = useState(() => readViews(me.name, page));
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const keep = (next: Record<string, string>) => {
    writeViews(me.name, page, next);
    setViews(next);
  };
  const names = Object.keys(views).sort();
  return (
    <FormField label="Views">
      <ButtonDropdown
        expandToViewport
        items={[
          ...(names.length ? [{ text: "Open", items: names.map((one) => ({ id: `open:${one}`, text: one })) }] : []),
          { id: "save", text: "Save what I see now…" },
          ...(names.length ? [{ text: "Delete", items: names.map((one) => ({ id: `drop:${one}`, text: one })) }] : []),
        ]}
        onItemClick={({ detail }) => {
          if (detail.id === "save") setNaming(true);
          else if (detail.id.startsWith("open:")) navigate(`?${views[detail.id.slice(5)] ?? ""}`);
          else {
            const { [detail.id.slice(5)]: _, ...rest } = views;
            keep(rest);
          }
        }}
      >
        Saved views
      </ButtonDropdown>
      {naming && (
        <Confirm
          title="Save this view"
          action="Save"
          disabled={!name.trim()}
          onCancel={() => setNaming(false)}
          onConfirm={() => {
            keep({ ...views, [name.trim()]: search.toString() });
            setNaming(false);
            setName("");
          }}
        >
          <FormField label="Name" description="Keeps the filters, the search and the order of rows.">
            <Input
              value={name}
              autoFocus
              onChange={({ detail }) => setName(detail.value)}
              placeholder="My stores, fresh food"
            />
          </FormField>
        </Confirm>
      )}
    </FormField>
  );
}
