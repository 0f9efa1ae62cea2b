import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useEffect, useState } from "react";
import { useNavigate, useSearchParams } from "react-router";
import { answer, api, type Schemas, useChange, useGet } from "../../api/client";
import { Loaded } from "../../components/Loaded";
import { Page } from "../../components/Page";
import { addDays, day } from "../../lib/format";
import { ChangeCard } from "./ChangeCard";
import { ItemChoice } from "./ItemChoice";
import { changeText, copyOf, emptyChange, missing, type NewChange, type NewScenario } from "./model";

type Choices = Schemas["ScenarioChoices"];

/** Build a what-if: for which items and stores, what changes; run it. */
export default function NewScenarioPage() {
  const [search] = useSearchParams();
  const from = search.get("from") ?? "";
  const choices = useGet("/v1/scenarios/choices", {});
  const saved = useGet(
    "/v1/scenarios/{scenario_id}",
    { params: { path: { scenario_id: from } } },
    { enabled: from !== "" },
  );
  return (
    <Page
      title="New what-if"
      trail={[{ text: "What-if", href: "/what-if" }]}
      description="The same forecast and order code runs on the changed future; what history doesn't support is refused, with what it does support."
    >
      <Loaded query={choices} what="the choices">
        {(known) =>
          from ? (
            <Loaded query={saved} what="the what-if">
              {(one) => <Builder choices={known} start={copyOf(one)} />}
            </Loaded>
          ) : (
            <Builder
              choices={known}
              start={{
                name: "",
                note: "",
                items: search.getAll("item"),
                categories: search.getAll("category"),
                locations: search.getAll("location"),
                changes: [],
              }}
            />
          )
        }
      </Loaded>
    </Page>
  );
}

const KINDS: { id: NewChange["kind"]; text: string; description: string }[] = [
  { id: "price", text: "Price", description: "Cheaper or dearer for some days" },
  { id: "promotion", text: "Promotion", description: "Discount, display, mailer" },
  { id: "event", text: "Festival", description: "A festival moves into these days" },
  { id: "weather", text: "Weather", description: "Warmer, colder, wetter" },
  { id: "delist", text: "Not on sale", description: "Taken off the shelf" },
];

function Builder({ choices, start }: { choices: Choices; start: NewScenario }) {
  const navigate = useNavigate();
  const [scenario, setScenario] = useState(start);
  const [named, setNamed] = useState(start.name !== "");
  const set = (changes: Partial<NewScenario>) => setScenario((before) => ({ ...before, ...changes }));
  const run = useChange((body: NewScenario) => answer(api.POST("/v1/scenarios", { body })), ["/v1/scenarios"]);
  const why = missing(scenario);
  const middle = addDays(choices.first, 7) <= choices.last ? addDays(choices.first, 7) : choices.first;
  const week = [addDays(middle, 6), choices.last].sort()[0] as string;
  const suggestion = scenario.changes.map(changeText).join(", ");

  useEffect(() => {
    if (!named)
      setScenario((before) => ({
        ...before,
        name: suggestion && suggestion.charAt(0).toUpperCase() + suggestion.slice(1, 200),
      }));
  }, [named, suggestion]);

  function add(kind: string) {
    const made = (one: NewChange["kind"]) => emptyChange(one, middle, week);
    if (kind === "festival+price") {
      const event = { ...made("event"), event: choices.events[0] ?? "", last: middle };
      set({ changes: [...scenario.changes, event, made("price")] });
    } else set({ changes: [...scenario.changes, made(kind as NewChange["kind"])] });
  }

  return (
    <SpaceBetween size="l">
      <Container
        header={
          <Header variant="h2" description="No store chosen means all of them.">
            For which items and stores
          </Header>
        }
      >
        <SpaceBetween size="m">
          <FormField label="Categories">
            <Multiselect
              selectedOptions={(scenario.categories ?? []).map((value) => ({ value, label: value }))}
              options={choices.categories.map((value) => ({ value, label: value }))}
              filteringType="auto"
              placeholder="Choose categories"
              onChange={({ detail }) => set({ categories: detail.selectedOptions.map((one) => one.value ?? "") })}
            />
          </FormField>
          <FormField label="Or single items">
            <ItemChoice items={scenario.items ?? []} onChange={(items) => set({ items })} />
          </FormField>
          <FormField label="Stores">
            <Multiselect
              selectedOptions={(scenario.locations ?? []).map((value) => ({ value, label: value }))}
              options={choices.locations.map((value) => ({ value, label: value }))}
              filteringType="auto"
              placeholder="All stores"
              onChange={({ detail }) => set({ locations: detail.selectedOptions.map((one) => one.value ?? "") })}
            />
          </FormField>
        </SpaceBetween>
      </Container>
      <Container
        header={
          <Header
            variant="h2"
            description={`Between ${day(choices.first)} and ${day(choices.last)}, as far as the forecast reaches.`}
            actions={
              <ButtonDropdown
                expandToViewport
                items={[
                  { id: "festival+price", text: "Festival + price drop" },
                  { text: "One change", items: KINDS },
                ]}
                onItemClick={({ detail }) => add(detail.id)}
              >
                Add a change
              </ButtonDropdown>
            }
          >
            What changes
          </Header>
        }
      >
        <SpaceBetween size="m">
          {scenario.changes.length === 0 && (
            <SpaceBetween direction="horizontal" size="xs">
              <Button onClick={() => add("festival+price")}>Festival + price drop</Button>
              {KINDS.map((one) => (
                <Button key={one.id} onClick={() => add(one.id)}>
                  {one.text}
                </Button>
              ))}
            </SpaceBetween>
          )}
          {scenario.changes.map((one, place) => (
            <ChangeCard
              // biome-ignore lint/suspicious/noArrayIndexKey: changes have no identity but their place
              key={place}
              change={one}
              choices={choices}
              onChange={(next) => set({ changes: scenario.changes.map((old, at) => (at === place ? next : old)) })}
              onRemove={() => set({ changes: scenario.changes.filter((_, at) => at !== place) })}
            />
          ))}
        </SpaceBetween>
      </Container>
      <Container>
        <SpaceBetween size="m">
          <FormField label="Name">
            <Input
              value={scenario.name}
              placeholder="Festival week, sweets 15 % off"
              onChange={({ detail }) => {
                setNamed(true);
                set({ name: detail.value });
              }}
            />
          </FormField>
          {run.error && <Alert type="error">{run.error.message}</Alert>}
          <SpaceBetween direction="horizontal" size="s" alignItems="center">
            <Button
              variant="primary"
              disabled={why !== ""}
              disabledReason={why}
              loading={run.isPending}
              onClick={() =>
                run.mutate(scenario, { onSuccess: (made) => navigate(`/what-if/${made.scenario.scenario_id}`) })
              }
            >
              Work it out
            </Button>
            {why && <Box color="text-body-secondary">{why}</Box>}
          </SpaceBetween>
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  );
}
