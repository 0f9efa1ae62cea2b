import type { Schemas } from "../../api/client";
import type { FutureDay, PastDay, Span } from "../../charts/fanOption";
import type { DriverDay } from "../../charts/stackOption";

export type SeriesDetail = Schemas["SeriesDetail"];

const LEVEL = /^q(\d{3})$/;

/** Price on a day: the newest that began on it or before. `prices` are sorted by day. */
export function priceOn(prices: readonly { valid_from: string; price: number }[], date: string): number | null {
  let found: number | null = null;
  for (const one of prices) {
    if (one.valid_from > date) break;
    found = one.price;
  }
  return found;
}

export function pastDays(series: SeriesDetail): PastDay[] {
  return series.history
    .filter((one) => one.date <= series.cutoff)
    .map((one) => ({
      date: one.date,
      sales: one.units ?? null,
      demand: one.demand ?? null,
      stockOut: one.stocked_out,
      closed: one.open === false,
      price: series.prices.length ? priceOn(series.prices, one.date) : null,
    }));
}

export function futureDays(series: SeriesDetail): FutureDay[] {
  const model = new Map(series.model_forecast.map((one) => [one.date, one.mean]));
  return series.forecast.map((one) => {
    const quantiles: Record<string, number> = {};
    for (const [name, value] of Object.entries(one)) {
      const level = LEVEL.exec(name);
      if (level && typeof value === "number") quantiles[String(Number(level[1]) / 1000)] = value;
    }
    return {
      date: one.date,
      mean: one.mean,
      quantiles,
      modelMean: model.get(one.date) ?? null,
      price: series.prices.length ? priceOn(series.prices, one.date) : null,
    };
  });
}

export function spansOf(series: SeriesDetail): Span[] {
  return [
    ...series.marks.map((one): Span => {
      const cut = one.discount_share ? `, ${Math.round(100 * one.discount_share)} % off` : "";
      return {
        kind: one.kind === "promotion" ? "promotion" : "festival",
        name: one.kind === "promotion" ? `Promotion ${one.name}${cut}` : one.name,
        first: one.first,
        last: one.last,
      };
    }),
    ...series.overrides
      .filter((one) => one.active)
      .map(
        (one): Span => ({
          kind: "override",
          name: `Override by ${one.made_by}: ${one.reason}`,
          first: one.first,
          last: one.last,
        }),
      ),
  ];
}

export function driverDays(days: readonly Schemas["ExplainedDay"][]): DriverDay[] {
  return days.map((one) => ({
    date: one.date,
    base: one.base,
    drivers: Object.fromEntries(one.drivers.map((driver) => [driver.driver, driver.units])),
  }));
}

export const METHODS = {
  multiply: { label: "By a percentage", unit: "%", hint: "20 means a fifth more, -20 a fifth less" },
  add: { label: "By units a day", unit: "units a day", hint: "5 means five more each day" },
  set: { label: "To units a day", unit: "units a day", hint: "What you expect to sell each day" },
} as const;

export type Method = keyof typeof METHODS;

/** A day's mean under an override, as the API applies it: never below zero. */
export function overridden(mean: number, method: Method, value: number): number {
  const changed = method === "multiply" ? mean * value : method === "add" ? mean + value : value;
  return Math.max(0, changed);
}
