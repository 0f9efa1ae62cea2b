import type { EChartsCoreOption } from "echarts/core";
import { signed, units, words } from "../lib/format";
import { dayAxis, heading, legend, row, tooltip, unitAxis } from "./basics";
import type { Palette } from "./palette";

export interface DriverDay {
  date: string;
  base: number;
  drivers: Record<string, number>;
}

/** The largest drivers by how much they move the forecast; the rest are put together as "other". */
export function mainDrivers(days: DriverDay[], most = 8): string[] {
  const weight = new Map<string, number>();
  for (const one of days) {
    for (const [name, value] of Object.entries(one.drivers))
      weight.set(name, (weight.get(name) ?? 0) + Math.abs(value));
  }
  return [...weight]
    .filter(([name, value]) => value > 1e-9 && name !== "other")
    .sort((a, b) => b[1] - a[1])
    .slice(0, most)
    .map(([name]) => name);
}

/** Base and drivers stacked by day; base + drivers = the forecast's mean, exactly. */
export function stackOption(days: DriverDay[], colors: Palette): EChartsCoreOption {
  const main = mainDrivers(days);
  const rest = (one: DriverDay) =>
    Object.entries(one.drivers).reduce((sum, [name, value]) => (main.includes(name) ? sum : sum + value), 0);
  const total = (one: DriverDay) => one.base + Object.values(one.drivers).reduce((sum, value) => sum + value, 0);
  const names = [...main, ...(days.some((one) => Math.abs(rest(one)) > 1e-9) ? ["other"] : [])];
  const partOf = (one: DriverDay, name: string) => (name === "other" ? rest(one) : (one.drivers[name] ?? 0));
  return {
    animation: false,
    legend: legend(colors, ["Usual level", ...names.map(words), "Forecast"]),
    grid: { left: 52, right: 16, top: 52, bottom: 28 },
    xAxis: dayAxis(
      days.map((one) => one.date),
      colors,
    ),
    yAxis: unitAxis(colors, "Units a day"),
    tooltip: {
      ...tooltip(colors),
      formatter: (points: { dataIndex: number }[]) => {
        const one = days[points[0]?.dataIndex ?? 0];
        if (!one) return "";
        const lines = names
          .map((name, at) => ({ name, value: partOf(one, name), color: colors.drivers[at % colors.drivers.length] }))
          .filter((line) => Math.abs(line.value) > 1e-6)
          .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
        return [
          heading(one.date),
          row("Usual level", units(one.base), colors.line),
          ...lines.map((line) => row(words(line.name), signed(line.value), line.color)),
          row("Forecast (mean)", units(total(one)), colors.text),
        ].join("");
      },
    },
    series: [
      {
        name: "Usual level",
        type: "bar",
        stack: "drivers",
        data: days.map((one) => one.base),
        itemStyle: { color: colors.faint },
      },
      ...names.map((name, at) => ({
        name: words(name),
        type: "bar",
        stack: "drivers",
        data: days.map((one) => partOf(one, name)),
        itemStyle: { color: colors.drivers[at % colors.drivers.length] },
      })),
      {
        name: "Forecast",
        type: "line",
        data: days.map(total),
        symbol: "circle",
        symbolSize: 4,
        lineStyle: { color: colors.text, width: 1.6 },
        itemStyle: { color: colors.text },
      },
    ],
  };
}
