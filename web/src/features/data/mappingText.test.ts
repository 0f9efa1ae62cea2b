import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { withColumn } from "./mappingText";

const TEXT = `# from the till
targets:
- table: sales
  columns: {item_id: Artikel, location_id: Filiale, date: Datum, units: Menge}
  dates: {date: '%d.%m.%Y'}
`;

describe("editing a mapping", () => {
  it("gives a column another meaning and takes the old one away", () => {
    const changed = parse(withColumn(TEXT, "Menge", "sales.revenue"));
    expect(changed.targets[0].columns).toEqual({
      item_id: "Artikel",
      location_id: "Filiale",
      date: "Datum",
      revenue: "Menge",
    });
  });

  it("leaves a column out, with the date format that was its own", () => {
    const changed = parse(withColumn(TEXT, "Datum", ""));
    expect(changed.targets[0].columns).not.toHaveProperty("date");
    expect(changed.targets[0].dates ?? {}).not.toHaveProperty("date");
  });

  it("begins a table that wasn't there", () => {
    const changed = parse(withColumn(TEXT, "Preis", "prices.price"));
    expect(changed.targets).toHaveLength(2);
    expect(changed.targets[1]).toEqual({ table: "prices", columns: { price: "Preis" } });
  });

  it("keeps what people wrote around it", () => {
    expect(withColumn(TEXT, "Menge", "sales.revenue")).toContain("# from the till");
  });

  it("works on an empty mapping", () => {
    expect(parse(withColumn("", "Menge", "sales.units"))).toEqual({
      targets: [{ table: "sales", columns: { units: "Menge" } }],
    });
  });
});
