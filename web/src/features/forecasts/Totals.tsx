import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import { useMemo } from "react";
import { type Schemas, useGet } from "../../api/client";
import { useAppearance } from "../../app/appearance";
import { EChart } from "../../charts/EChart";
import { type Line, linesOption } from "../../charts/lines";
import { type Palette, paletteOf } from "../../charts/palette";
import { Choice, Filters } from "../../components/filters";
import { Loaded } from "../../components/Loaded";
import { compact, count, units } from "../../lib/format";

type Total = Schemas["TotalRow"];

const LEVELS = [
  { value: "", label: "Not at all" },
  { value: "location", label: "Store" },
  { value: "region", label: "Region" },
  { value: "department", label: "Department" },
  { value: "category", label: "Category" },
];
const PERIODS = [
  { value: "day", label: "Day" },
  { value: "week", label: "Week" },
  { value: "month", label: "Month" },
];
const MOST_LINES = 8;

interface Props {
  wanted: { search: string; location: string[]; category: string[]; department: string[] };
  by: string;
  period: string;
  onChange: (change: { by?: string; period?: string }) => void;
}

/** Lines of a chart from totals: one with its band, or one for each of the largest groups. */
export function totalLines(rows: Total[], by: string, colors: Palette): { dates: string[]; lines: Line[] } {
  const dates = [...new Set(rows.map((one) => one.first))].sort();
  const groups = new Map<string, Map<string, Total>>();
  for (const one of rows) {
    const name = by ? (one.group[by] ?? "none") : "Expected units";
    const days = groups.get(name) ?? new Map<string, Total>();
    days.set(one.first, one);
    groups.set(name, days);
  }
  const sum = (days: Map<string, Total>) => [...days.values()].reduce((total, one) => total + one.mean, 0);
  const largest = [...groups].sort((a, b) => sum(b[1]) - sum(a[1])).slice(0, MOST_LINES);
  const at = (days: Map<string, Total>, pick: (one: Total) => number) =>
    dates.map((date) => {
      const one = days.get(date);
      return one ? pick(one) : null;
    });
  return {
    dates,
    lines: largest.map(([name, days], place) => ({
      name,
      color: (by ? colors.drivers[place % colors.drivers.length] : colors.forecast) as string,
      values: at(days, (one) => one.mean),
      band: by
        ? undefined
        : { low: at(days, (one) => one.q100), high: at(days, (one) => one.q900), color: colors.band[1] },
    })),
  };
}

/** What all that matches adds up to, with the spread of the total (never a sum of spreads). */
export function Totals({ wanted, by, period, onChange }: Props) {
  const { dark } = useAppearance();
  const totals = useGet("/v1/forecasts/totals", {
    params: { query: { ...wanted, by: by ? [by as "location"] : [], period: period as "day" } },
  });
  const drawn = useMemo(() => {
    const colors = paletteOf(dark);
    const { dates, lines } = totalLines(totals.data?.rows ?? [], by, colors);
    return { option: linesOption(dates, lines, colors, `Units a ${period}`, compactUnits), lines, dates };
  }, [totals.data, by, period, dark]);
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Of everything that matches the filters below. The band holds the total in 80 % of cases."
        >
          Together
        </Header>
      }
    >
      <Filters>
        <Choice label="Split by" value={by} options={LEVELS} onChange={(value) => onChange({ by: value })} />
        <Choice label="Per" value={period} options={PERIODS} onChange={(value) => onChange({ period: value })} />
      </Filters>
      <Loaded query={totals} what="totals">
        {(data) => (
          <EChart
            option={drawn.option}
            height={250}
            label={`Expected units per ${period}: ${drawn.lines.map((one) => `${one.name} ${count(one.values.reduce<number>((sum, value) => sum + (value ?? 0), 0))}`).join(", ")} over ${drawn.dates.length} ${period}s until ${data.rows.at(-1)?.last ?? ""}.`}
          />
        )}
      </Loaded>
    </Container>
  );
}

function compactUnits(value: number | null | undefined): string {
  return value != null && Math.abs(value) >= 10_000 ? compact(value) : units(value);
}
