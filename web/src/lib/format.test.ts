import { describe, expect, it } from "vitest";
import { addDays, ago, amount, bytes, day, duration, percent, signed, units, words } from "./format";

describe("numbers as people read them", () => {
  it("shows fractions only where they matter", () => {
    expect(units(3)).toBe("3");
    expect(units(3.1234)).toBe("3.1");
    expect(units(1234.5)).toMatch(/^1.?23[45]$/);
    expect(units(null)).toBe("–");
    expect(units(Number.NaN)).toBe("–");
  });

  it("gives differences their sign", () => {
    expect(signed(5)).toBe("+5");
    expect(signed(-5)).toMatch(/^[-−]5$/);
    expect(signed(0)).toBe("0");
  });

  it("shows money in the lake's currency, without cents from a thousand on", () => {
    expect(amount(12.5, "EUR")).toMatch(/12[.,]50/);
    expect(amount(12345.67, "EUR")).toMatch(/12.?346/);
    expect(amount(12.5, null)).toMatch(/^12[.,]50$/);
    expect(amount(undefined, "EUR")).toBe("–");
  });

  it("shows shares as percent", () => {
    expect(percent(0.1234, 1)).toMatch(/12[.,]3\s?%/);
    expect(percent(null)).toBe("–");
  });

  it("shows sizes and times in units one can grasp", () => {
    expect(bytes(999)).toBe("999 B");
    expect(bytes(12_345_678)).toMatch(/12[.,]3 MB/);
    expect(duration(12.34)).toMatch(/12[.,]3 s/);
    expect(duration(125)).toBe("2 min 5 s");
  });

  it("turns names of columns into words", () => {
    expect(words("target_fill_rate")).toBe("Target fill rate");
    expect(words("")).toBe("–");
  });
});

describe("business dates", () => {
  it("belong to the store, not to the reader's time zone", () => {
    expect(day("2026-03-01")).toContain("2026");
    expect(day("2026-03-01")).toMatch(/\b1\b/);
    expect(day(null)).toBe("–");
  });

  it("are counted across months and leap days", () => {
    expect(addDays("2028-02-28", 1)).toBe("2028-02-29");
    expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
    expect(addDays("2026-03-01", -1)).toBe("2026-02-28");
  });

  it("moments are told as distance from now", () => {
    const now = Date.parse("2026-03-01T12:00:00Z");
    expect(ago("2026-03-01T09:00:00Z", now)).toContain("3");
    expect(ago(null, now)).toBe("–");
  });
});
