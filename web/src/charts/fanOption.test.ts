import { describe, expect, it } from "vitest";
import { type FutureDay, fanHeight, fanOption, fanSentence, type PastDay, runsOf } from "./fanOption";
import { paletteOf } from "./palette";

const past: PastDay[] = [
  { date: "2026-03-01", sales: 10, demand: 10, stockOut: false, closed: false },
  { date: "2026-03-02", sales: 2, demand: 9, stockOut: true, closed: false },
  { date: "2026-03-03", sales: 0, demand: 8, stockOut: true, closed: false },
  { date: "2026-03-04", sales: 11, demand: 11, stockOut: false, closed: false },
];
const future: FutureDay[] = [
  { date: "2026-03-05", mean: 10, quantiles: { "0.1": 6, "0.9": 15 } },
  { date: "2026-03-06", mean: 12, quantiles: { "0.1": 7, "0.9": 18 } },
];

interface Series {
  name?: string;
  type: string;
  data: unknown[];
  stack?: string;
}
const seriesOf = (option: unknown) => (option as { series: Series[] }).series;

describe("the fan chart", () => {
  it("joins stock-out days that follow each other", () => {
    expect(runsOf(past, (at) => past[at]?.stockOut === true)).toEqual([["2026-03-02", "2026-03-03"]]);
    expect(runsOf(past, () => true)).toEqual([["2026-03-01", "2026-03-04"]]);
    expect(runsOf([], () => true)).toEqual([]);
  });

  it("draws a band from its lower quantile up, only over the forecast", () => {
    const series = seriesOf(fanOption(past, future, [], paletteOf(false)));
    const low = series.find((one) => one.name === "80 % of cases low");
    const width = series.find((one) => one.name === "80 % of cases");
    expect(low?.data).toEqual([null, null, null, null, 6, 7]);
    expect(width?.data).toEqual([null, null, null, null, 9, 11]);
    expect(low?.stack).toBe(width?.stack);
    expect(series.some((one) => one.name?.startsWith("95"))).toBe(false);
  });

  it("shows recovered demand only around stock-outs", () => {
    const series = seriesOf(fanOption(past, future, [], paletteOf(true)));
    expect(series.find((one) => one.name === "Demand with stock-outs filled")?.data).toEqual([10, 9, 8, 11]);
  });

  it("grows with the kinds of marked days", () => {
    const promotion = { kind: "promotion" as const, name: "P", first: "2026-03-01", last: "2026-03-02" };
    expect(fanHeight(past, [promotion]) - fanHeight(past, [])).toBe(18);
  });

  it("keeps a promotion that began before what is shown", () => {
    const span = { kind: "promotion" as const, name: "P", first: "2026-01-01", last: "2026-03-02" };
    const lanes = seriesOf(fanOption(past, future, [span], paletteOf(false))).find((one) => one.type === "custom");
    expect(lanes?.data).toContainEqual(expect.objectContaining({ value: [0, 1, 1] }));
  });

  it("can be read out", () => {
    expect(fanSentence("Milk", past, future)).toContain("2 stock-out days");
  });
});
