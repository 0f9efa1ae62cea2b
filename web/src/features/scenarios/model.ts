import type { StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import type { Schemas } from "../../api/client";
import { amount, day, monthDay, percent, signed, units, words } from "../../lib/format";

export type Scenario = Schemas["ScenarioView"];
export type Change = Schemas["ChangeView"];
export type NewChange = Schemas["NewChange"];
export type NewScenario = Schemas["NewScenario"];
export type Measure = Schemas["MeasureView"];

export const STATES: Record<Scenario["state"], [StatusIndicatorProps.Type, string]> = {
  saved: ["pending", "Waiting"],
  running: ["in-progress", "Being worked out"],
  done: ["success", "Done"],
  refused: ["warning", "Outside what history supports"],
  failed: ["error", "Failed"],
};

/** A change as a person says it. */
export function changeText(one: Change | NewChange): string {
  const days = one.first === one.last ? `on ${day(one.first)}` : `${monthDay(one.first)} – ${day(one.last)}`;
  switch (one.kind) {
    case "price":
      return one.share == null ? `price ${units(one.price)} ${days}` : `price ${percentSigned(one.share)} ${days}`;
    case "promotion": {
      const parts = [
        one.discount_share && `${percent(one.discount_share)} off`,
        one.display_share && `display ${percent(one.display_share)}`,
      ];
      return `promotion (${[one.promotion_type, ...parts].filter(Boolean).join(", ")}) ${days}`;
    }
    case "event":
      return `${one.event} ${days}`;
    case "weather":
      return `${[
        one.temperature_c != null && `${signed(one.temperature_c)} °C`,
        one.precipitation_mm != null && `${units(one.precipitation_mm)} mm rain`,
      ]
        .filter(Boolean)
        .join(", ")} ${days}`;
    default:
      return `not on sale ${days}`;
  }
}

/** What a scenario is about. */
export function aboutText(one: Pick<Scenario, "items" | "categories" | "locations">): string {
  const what = [...(one.categories ?? []), ...(one.items ?? [])];
  const where = one.locations?.length ? one.locations.join(", ") : "all stores";
  return `${what.length ? what.map(words).join(", ") : "everything"} in ${where}`;
}

export function percentSigned(share: number | null | undefined, digits = 0): string {
  return share != null && share > 0 ? `+${percent(share, digits)}` : percent(share, digits);
}

/** A difference with its interval: "+120 (+40 to +210)". */
export function differenceText(one: Measure, show: (value: number) => string): string {
  const sign = (value: number) => (value > 0 ? `+${show(value)}` : show(value));
  return `${sign(one.difference)} (${sign(one.difference_low)} to ${sign(one.difference_high)})`;
}

export function money(currency: string | undefined): (value: number) => string {
  return (value) => amount(value, currency, 0);
}

/** Body of a new scenario out of a saved one, to change it and run it again. */
export function copyOf(one: Scenario): NewScenario {
  return {
    name: one.name,
    note: one.note ?? "",
    items: one.items ?? [],
    categories: one.categories ?? [],
    locations: one.locations ?? [],
    changes: one.changes.map((change) => ({
      ...change,
      promotion_type: change.promotion_type ?? "price",
      discount_share: change.discount_share ?? 0,
      display_share: change.display_share ?? 0,
      event: change.event ?? "",
    })),
  };
}

export function emptyChange(kind: NewChange["kind"], first: string, last: string): NewChange {
  return {
    kind,
    first,
    last,
    promotion_type: "price",
    discount_share: kind === "promotion" ? 0.15 : 0,
    display_share: 0,
    event: "",
    ...(kind === "price" && { share: -0.15 }),
    ...(kind === "weather" && { temperature_c: 5 }),
  };
}

/** Why a scenario can't be run yet; empty when it can. */
export function missing(one: NewScenario): string {
  if (!one.name.trim()) return "Give it a name.";
  if (!one.items?.length && !one.categories?.length) return "Choose at least one category or item.";
  if (!one.changes.length) return "Add at least one change.";
  if (one.changes.some((change) => change.kind === "event" && !change.event)) return "Choose the festival.";
  if (one.changes.some((change) => !change.first || !change.last || change.last < change.first))
    return "Choose days for each change.";
  return "";
}
