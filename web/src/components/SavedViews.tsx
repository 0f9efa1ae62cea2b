import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Checkbox from "@cloudscape-design/components/checkbox";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { answer, api, useChange, useGet } from "../api/client";
import { Confirm } from "./Confirm";

type Page = "forecasts" | "orders";

/** Filters, sorting and search of a page under a name, to come back to or to share. */
export function SavedViews({ page }: { page: Page }) {
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const views = useGet("/v1/views/{page}", { params: { path: { page } } }).data ?? [];
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const keep = useChange(
    (one: { name: string; query: string; shared: boolean }) =>
      answer(
        api.PUT("/v1/views/{page}/{name}", {
          params: { path: { page, name: one.name } },
          body: { query: one.query, shared: one.shared },
        }),
      ),
    ["/v1/views"],
  );
  const drop = useChange(
    (one: string) => answer(api.DELETE("/v1/views/{page}/{name}", { params: { path: { page, name: one } } })),
    ["/v1/views"],
  );
  const mine = views.filter((one) => one.mine);
  return (
    <FormField label="Views">
      <ButtonDropdown
        expandToViewport
        items={[
          ...(views.length
            ? [
                {
                  text: "Open",
                  items: views.map((one) => ({
                    id: `open:${one.query}`,
                    text: one.name,
                    secondaryText: one.mine ? (one.shared ? "shared with everybody" : undefined) : `of ${one.owner}`,
                  })),
                },
              ]
            : []),
          { id: "save", text: "Save what I see now…" },
          ...(mine.length
            ? [{ text: "Delete", items: mine.map((one) => ({ id: `drop:${one.name}`, text: one.name })) }]
            : []),
        ]}
        onItemClick={({ detail }) => {
          if (detail.id === "save") setNaming(true);
          else if (detail.id.startsWith("open:")) navigate(`?${detail.id.slice(5)}`);
          else drop.mutate(detail.id.slice(5));
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
            keep.mutate({ name: name.trim(), query: search.toString(), shared });
            setNaming(false);
            setName("");
            setShared(false);
          }}
        >
          <SpaceBetween size="m">
            <FormField label="Name" description="Keeps the filters, the search and the order of rows.">
              <Input
                value={name}
                autoFocus
                onChange={({ detail }) => setName(detail.value)}
                placeholder="My stores, fresh food"
              />
            </FormField>
            <Checkbox checked={shared} onChange={({ detail }) => setShared(detail.checked)}>
              Everybody sees it
            </Checkbox>
          </SpaceBetween>
        </Confirm>
      )}
    </FormField>
  );
}
