import type { EChartsCoreOption } from "echarts/core";
import { units } from "../lib/format";
import { dayAxis, heading, legend, row, tooltip, unitAxis } from "./basics";
import type { Palette } from "./palette";

export interface Line {
  name: string;
  color: string;
  values: (number | null)[];
  dashed?: boolean;
  /** Lower and upper bound around the line. */
  band?: { low: (number | null)[]; high: (number | null)[]; color: string };
  bars?: boolean;
}

/** Lines over days, each with a band where it has one. */
export function linesOption(
  dates: string[],
  lines: Line[],
  colors: Palette,
  unit = "Units",
  show: (value: number | null | undefined) => string = units,
): EChartsCoreOption {
  return {
    animation: false,
    legend: legend(
      colors,
      lines.map((line) => line.name),
    ),
    grid: { left: 56, right: 16, top: 52, bottom: 28 },
    xAxis: dayAxis(dates, colors),
    yAxis: unitAxis(colors, unit, { axisLabel: { color: colors.text, formatter: (value: number) => show(value) } }),
    tooltip: {
      ...tooltip(colors),
      formatter: (points: { dataIndex: number }[]) => {
        const at = points[0]?.dataIndex ?? 0;
        return [
          heading(dates[at] ?? ""),
          ...lines
            .filter((line) => line.values[at] !== null && line.values[at] !== undefined)
            .map((line) => {
              const low = line.band?.low[at];
              const range = low === null || low === undefined ? "" : ` (${show(low)} – ${show(line.band?.high[at])})`;
              return row(line.name, `${show(line.values[at])}${range}`, line.color);
            }),
        ].join("");
      },
    },
    series: lines.flatMap((line, at) => [
      ...(line.band
        ? [
            {
              type: "line",
              stack: `band${at}`,
              data: line.band.low,
              lineStyle: { opacity: 0 },
              symbol: "none",
              silent: true,
            },
            {
              type: "line",
              stack: `band${at}`,
              stackStrategy: "all",
              data: line.band.high.map((high, place) => {
                const low = line.band?.low[place];
                return high === null || low === null || low === undefined ? null : high - low;
              }),
              lineStyle: { opacity: 0 },
              areaStyle: { color: line.band.color },
              symbol: "none",
              silent: true,
            },
          ]
        : []),
      {
        name: line.name,
        type: line.bars ? "bar" : "line",
        data: line.values,
        symbol: "none",
        lineStyle: { width: 2, color: line.color, type: line.dashed ? "dashed" : "solid" },
        itemStyle: { color: line.color },
      },
    ]),
  };
}
