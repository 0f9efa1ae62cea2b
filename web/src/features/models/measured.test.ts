import { expect, test } from "vitest";
import { measured, partOf } from "./measured";

test("values are shown in their unit", () => {
  expect(measured(0.123, "share")).toMatch(/^12\.3.?%$/);
  expect(measured(1, "days")).toBe("1 day");
  expect(measured(3.5, "days")).toBe("3.5 days");
  expect(measured(1.257, "ratio")).toBe("1.26 ×");
  expect(measured(null, "share")).toBe("–");
});

test("a segment is named by its value first", () => {
  expect(partOf("all")).toBe("all series");
  expect(partOf("category=FRESH")).toBe("FRESH (category)");
  expect(partOf("in_stock_share")).toBe("in stock share");
});
