import { describe, expect, it } from "vitest";
import { paletteOf } from "./palette";
import { mainDrivers, stackOption } from "./stackOption";

const days = [
  { date: "2026-03-01", base: 10, drivers: { season: 3, price: -2, weekday: 0.5, other: 0.1 } },
  { date: "2026-03-02", base: 10, drivers: { season: 1, price: -4, weekday: 0.5, other: -0.1 } },
];

describe("the drivers of a forecast", () => {
  it("are ordered by how much they move it", () => {
    expect(mainDrivers(days)).toEqual(["price", "season", "weekday"]);
    expect(mainDrivers(days, 1)).toEqual(["price"]);
  });

  it("add up with the base to the forecast on every day, however many are shown", () => {
    const { series } = stackOption(days, paletteOf(false)) as { series: { name: string; data: number[] }[] };
    const total = series.find((one) => one.name === "Forecast")?.data ?? [];
    const parts = series.filter((one) => one.name !== "Forecast");
    days.forEach((day, at) => {
      const exact = day.base + Object.values(day.drivers).reduce((sum, one) => sum + one, 0);
      expect(total[at]).toBeCloseTo(exact, 12);
      expect(parts.reduce((sum, one) => sum + (one.data[at] ?? 0), 0)).toBeCloseTo(exact, 12);
    });
  });
});
