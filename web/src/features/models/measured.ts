import type { Schemas } from "../../api/client";
import { amount, duration, percent } from "../../lib/format";

type Measure = Schemas["MonitoredView"];

/** A measured value in its unit, as a planner reads it. */
export function measured(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "–";
  if (unit === "share") return percent(value, 1);
  if (unit === "days") return `${trimmed(value)} ${value === 1 ? "day" : "days"}`;
  if (unit === "seconds") return duration(value);
  if (unit === "megabytes") return `${trimmed(value)} MB`;
  if (unit === "money") return amount(value);
  if (unit === "ratio") return `${value.toFixed(2)} ×`;
  return value.toFixed(2);
}

function trimmed(value: number): string {
  return Number.isInteger(value) ? `${value}` : value.toFixed(1);
}

/** The part of the range a measure is about: `category=FRESH` -> `FRESH (category)`. */
export function partOf(subject: string): string {
  if (subject === "all") return "all series";
  const [name, value] = subject.split("=");
  return value ? `${value} (${name})` : subject.replaceAll("_", " ");
}

export function aboutOf(one: Measure): string {
  return one.subject === "all" ? one.title : `${one.title}, ${partOf(one.subject)}`;
}
