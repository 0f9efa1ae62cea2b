import { describe, expect, it } from "vitest";
import type { Schemas } from "../../api/client";
import { byCause, causeName, gravest } from "./groups";

const alert = (cause: string, severity: "note" | "warning" | "critical") =>
  ({ cause, severity }) as Schemas["AlertView"];

describe("alerts by cause", () => {
  it("keeps alerts of one cause together, in the order they came", () => {
    const groups = byCause([alert("a.x", "critical"), alert("b.y", "warning"), alert("a.x", "note")]);
    expect(groups.map((one) => [one.cause, one.alerts.length])).toEqual([
      ["a.x", 2],
      ["b.y", 1],
    ]);
  });

  it("names the gravest of them", () => {
    expect(gravest([alert("a", "note"), alert("a", "critical"), alert("a", "warning")])).toBe("critical");
    expect(gravest([])).toBe("note");
  });

  it("has a name for every cause, its own words where we have none", () => {
    expect(causeName("job.failed")).toBe("Failed jobs");
    expect(causeName("forecast.tracking_signal")).toBe("Forecast tracking signal");
  });
});
