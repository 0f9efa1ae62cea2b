import { describe, expect, it } from "vitest";
import { futureDays, overridden, priceOn, type SeriesDetail, spansOf } from "./model";

describe("a series page", () => {
  it("knows the price of each day", () => {
    const prices = [
      { valid_from: "2026-01-01", price: 2 },
      { valid_from: "2026-02-01", price: 1.5 },
    ];
    expect(priceOn(prices, "2025-12-31")).toBeNull();
    expect(priceOn(prices, "2026-01-31")).toBe(2);
    expect(priceOn(prices, "2026-02-01")).toBe(1.5);
  });

  it("reads quantiles by level from their columns", () => {
    const series = {
      prices: [],
      model_forecast: [{ date: "2026-03-01", mean: 9 }],
      forecast: [{ date: "2026-03-01", mean: 10, q025: 1, q100: 3, q975: 20, model: "m" }],
    } as unknown as SeriesDetail;
    expect(futureDays(series)).toEqual([
      { date: "2026-03-01", mean: 10, quantiles: { "0.025": 1, "0.1": 3, "0.975": 20 }, modelMean: 9, price: null },
    ]);
  });

  it("marks only overrides in force", () => {
    const one = { first: "2026-03-01", last: "2026-03-02", made_by: "dana", reason: "weather" };
    const series = {
      marks: [],
      overrides: [
        { ...one, active: true },
        { ...one, active: false },
      ],
    } as unknown as SeriesDetail;
    expect(spansOf(series)).toHaveLength(1);
  });

  it("previews an override as the API applies it", () => {
    expect(overridden(10, "multiply", 1.2)).toBe(12);
    expect(overridden(10, "add", -15)).toBe(0);
    expect(overridden(10, "set", 7)).toBe(7);
  });
});
