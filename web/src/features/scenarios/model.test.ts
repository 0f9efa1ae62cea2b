import { describe, expect, it } from "vitest";
import { changeText, copyOf, differenceText, emptyChange, missing, type NewScenario, type Scenario } from "./model";

const whole: NewScenario = {
  name: "Festival",
  note: "",
  items: [],
  categories: ["Sweets"],
  locations: [],
  changes: [
    { ...emptyChange("event", "2026-11-08", "2026-11-08"), event: "Diwali" },
    emptyChange("price", "2026-11-05", "2026-11-11"),
  ],
};

describe("a what-if", () => {
  it("is told in words", () => {
    expect(changeText(whole.changes[0] as never)).toMatch(/^Diwali on /);
    expect(changeText(whole.changes[1] as never)).toMatch(/^price -15\s?% /);
  });

  it("can run when it is whole, and says what is missing otherwise", () => {
    expect(missing(whole)).toBe("");
    expect(missing({ ...whole, name: " " })).toContain("name");
    expect(missing({ ...whole, categories: [] })).toContain("category");
    expect(missing({ ...whole, changes: [] })).toContain("change");
    expect(missing({ ...whole, changes: [emptyChange("event", "2026-11-08", "2026-11-08")] })).toContain("festival");
    expect(missing({ ...whole, changes: [emptyChange("price", "2026-11-08", "2026-11-01")] })).toContain("days");
  });

  it("copied from a saved one asks the same", () => {
    const saved = { ...whole, scenario_id: "sc-1", state: "done", made_by: "dana", made_at: "2026-11-01T00:00:00Z" };
    expect(copyOf(saved as unknown as Scenario)).toEqual(whole);
  });

  it("gives differences with their interval", () => {
    const one = { difference: 120, difference_low: -40, difference_high: 210 };
    expect(differenceText(one as never, String)).toBe("+120 (-40 to +210)");
  });
});
