import { describe, expect, it } from "vitest";
import type { OrderDetail } from "./model";
import { traceRows } from "./Trace";

const detail = (more: Partial<OrderDetail> = {}, line: object = {}) =>
  ({
    line: { qty: 24, decided_qty: 24, edited: false, packs: 4, pack_size: 6, ...line },
    why: { window_mean: 20, order_up_to: 31, inventory_position: 8, on_hand: 8 },
    need: 23,
    steps: [{ name: "step_pack", meaning: "Rounded to packs", units: 1, after: 24 }],
    window_from: "2026-03-01",
    window_to: "2026-03-03",
    ...more,
  }) as unknown as OrderDetail;

describe("the trace from demand to order", () => {
  it("passes every level and change, each beginning where the last ended", () => {
    const rows = traceRows(detail());
    let level = 0;
    for (const row of rows) {
      if (row.level) {
        if (row.name !== "Expected demand to cover") expect(row.value).toBeCloseTo(level, 9);
        level = row.value;
      } else {
        expect(row.from).toBeCloseTo(level, 9);
        level += row.value;
      }
    }
    expect(level).toBe(24);
  });

  it("names what lies between target, stock and need", () => {
    const rows = traceRows(detail({ need: 25, steps: [] }, { qty: 25, decided_qty: 25 }));
    const target = rows.find((one) => one.name === "Policy");
    expect(target?.value).toBeCloseTo(2, 9);
  });

  it("shows a planner's change with the reason", () => {
    const rows = traceRows(detail({}, { decided_qty: 30, edited: true, decided_by: "dana", reason: "market" }));
    expect(rows.at(-2)).toMatchObject({ name: "dana changed it", value: 6, note: "market" });
    expect(rows.at(-1)).toMatchObject({ name: "Order", value: 30 });
  });
});
