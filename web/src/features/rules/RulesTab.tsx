import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Toggle from "@cloudscape-design/components/toggle";
import { useState } from "react";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { useMay } from "../../app/me";
import { type Column, DataTable } from "../../components/DataTable";
import { Choice, Filters, Search } from "../../components/filters";
import { Empty } from "../../components/Loaded";
import { useNotices } from "../../components/notices";
import { day, words } from "../../lib/format";
import { useAddress } from "../../lib/url";
import { ReasonDialog } from "../orders/ReasonDialog";
import { RuleDialog } from "./RuleDialog";
import { forWhom, SCOPES } from "./scopes";

type Rule = Schemas["RuleView"];
type Parameter = Schemas["ParameterView"];

const FILTERS = { scope: "", value: "", history: "" };

/** Rules by scope, what can be set, what it is when nobody sets it. */
export function RulesTab() {
  const planner = useMay("planner");
  const { say, sayProblem } = useNotices();
  const [filters, setFilters] = useAddress(FILTERS);
  const [editing, edit] = useState<{ parameter: string; rule?: Rule }>();
  const [ending, setEnding] = useState<Rule>();
  const parameters = useGet("/v1/rules/parameters", {}, { staleTime: Number.POSITIVE_INFINITY });
  const rules = useGet("/v1/rules", {
    params: {
      query: {
        value: filters.value,
        history: filters.history === "1",
        ...(filters.scope && { scope: filters.scope as Rule["scope"] }),
      },
    },
  });
  const end = useChange(
    ({ rule, reason }: { rule: Rule; reason: string }) =>
      answer(
        api.POST("/v1/rules/end", {
          body: {
            scope: rule.scope,
            scope_value: rule.scope_value,
            item_id: rule.item_id,
            location_id: rule.location_id,
            parameter: rule.parameter,
            valid_from: rule.valid_from,
            last: [new Date().toISOString().slice(0, 10), rule.valid_from].sort()[1] as string,
            reason,
          },
        }),
      ),
    ["/v1/rules"],
  );
  const columns: Column<Rule>[] = [
    { id: "parameter", header: "Sets", cell: (one) => words(one.parameter), rowHeader: true, minWidth: 160 },
    { id: "value", header: "To", cell: (one) => <b>{one.value}</b> },
    { id: "whom", header: "For", cell: forWhom, minWidth: 150 },
    { id: "from", header: "From", cell: (one) => day(one.valid_from), wide: true },
    { id: "to", header: "Until", cell: (one) => (one.valid_to ? day(one.valid_to) : "open"), wide: true },
    {
      id: "holds",
      header: "State",
      cell: (one) => (
        <StatusIndicator type={one.holds ? "success" : "stopped"}>
          {one.holds ? "Holds" : "Doesn't hold"}
        </StatusIndicator>
      ),
    },
    {
      id: "who",
      header: "Set by",
      cell: (one) => [one.changed_by, one.reason].filter(Boolean).join(": ") || "–",
      wide: true,
      minWidth: 160,
    },
    {
      id: "act",
      header: "Change",
      minWidth: 120,
      cell: (one) =>
        planner && one.holds ? (
          <SpaceBetween direction="horizontal" size="xs">
            <Button
              variant="inline-link"
              ariaLabel={`Change ${words(one.parameter)} for ${forWhom(one)}`}
              onClick={() => edit({ parameter: one.parameter, rule: one })}
            >
              Change
            </Button>
            <Button
              variant="inline-link"
              ariaLabel={`End ${words(one.parameter)} for ${forWhom(one)}`}
              onClick={() => setEnding(one)}
            >
              End
            </Button>
          </SpaceBetween>
        ) : (
          "–"
        ),
    },
  ];
  return (
    <SpaceBetween size="l">
      <DataTable
        title="Rules"
        counter={rules.data && `(${rules.data.length})`}
        description="The narrowest rule that holds wins, and is named on every order line it decides."
        columns={columns}
        rows={rules.data}
        rowId={(one) =>
          [one.scope, one.scope_value, one.item_id, one.location_id, one.parameter, one.valid_from].join("\n")
        }
        loading={rules.isLoading}
        error={rules.error}
        onRetry={() => rules.refetch()}
        preferences="rules"
        actions={
          planner && (
            <Button variant="primary" onClick={() => edit({ parameter: "" })}>
              Set a rule
            </Button>
          )
        }
        filter={
          <Filters>
            <Choice
              label="Scope"
              any="All"
              value={filters.scope}
              options={SCOPES}
              onChange={(scope) => setFilters({ scope })}
            />
            <Search
              label="Item, store, supplier or category"
              value={filters.value}
              onChange={(value) => setFilters({ value })}
            />
            <Toggle
              checked={filters.history === "1"}
              onChange={({ detail }) => setFilters({ history: detail.checked ? "1" : "" })}
            >
              Past and later ones too
            </Toggle>
          </Filters>
        }
        empty={<Empty title="No rule is set" text="Every parameter has the value below." />}
      />
      <Parameters
        parameters={parameters.data}
        loading={parameters.isLoading}
        onSet={planner ? (parameter) => edit({ parameter }) : undefined}
      />
      {editing && parameters.data && (
        <RuleDialog
          parameters={parameters.data}
          parameter={editing.parameter}
          rule={editing.rule}
          onClose={() => edit(undefined)}
        />
      )}
      {ending && (
        <ReasonDialog
          title={`End “${words(ending.parameter)}” for ${forWhom(ending)} today?`}
          action="End"
          busy={end.isPending}
          onCancel={() => setEnding(undefined)}
          onConfirm={(reason) =>
            end.mutate(
              { rule: ending, reason },
              {
                onSuccess: () => say("success", "It holds for the last time today."),
                onError: sayProblem,
                onSettled: () => setEnding(undefined),
              },
            )
          }
        />
      )}
    </SpaceBetween>
  );
}

function Parameters({
  parameters,
  loading,
  onSet,
}: {
  parameters?: Parameter[];
  loading: boolean;
  onSet?: (parameter: string) => void;
}) {
  const columns: Column<Parameter>[] = [
    {
      id: "parameter",
      header: "Parameter",
      rowHeader: true,
      minWidth: 170,
      cell: (one) =>
        onSet ? (
          <Button variant="inline-link" onClick={() => onSet(one.parameter)}>
            {words(one.parameter)}
          </Button>
        ) : (
          words(one.parameter)
        ),
    },
    {
      id: "default",
      header: "When nobody sets it",
      cell: (one) => [one.default, one.unit].filter(Boolean).join(" ") || "–",
      minWidth: 130,
    },
    { id: "meaning", header: "Meaning", cell: (one) => <Box>{one.meaning}</Box>, minWidth: 260, wide: true },
  ];
  return (
    <DataTable
      title="What can be set"
      counter={parameters && `(${parameters.length})`}
      columns={columns}
      rows={parameters}
      rowId={(one) => one.parameter}
      loading={loading}
      empty={<Empty title="Nothing can be set" />}
    />
  );
}
