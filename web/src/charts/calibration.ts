import type { EChartsCoreOption } from "echarts/core";
import { percent } from "../lib/format";
import { row, tooltip } from "./basics";
import type { Palette } from "./palette";

/** Promised against kept: on the diagonal the quantiles hold. */
export function calibrationOption(
  points: readonly { level: number; share: number }[],
  colors: Palette,
): EChartsCoreOption {
  const axis = (name: string) => ({
    type: "value",
    name,
    nameLocation: "middle",
    nameGap: 32,
    nameTextStyle: { color: colors.text },
    min: 0,
    max: 1,
    axisLabel: { color: colors.text, formatter: (value: number) => percent(value) },
    splitLine: { lineStyle: { color: colors.faint } },
  });
  return {
    animation: false,
    grid: { left: 60, right: 16, top: 12, bottom: 48 },
    xAxis: axis("Promised"),
    yAxis: { ...axis("Kept"), nameGap: 44 },
    tooltip: {
      ...tooltip(colors),
      formatter: (items: { value: [number, number] }[]) => {
        const [level, share] = items.at(-1)?.value ?? [0, 0];
        return row("Promised", percent(level, 1)) + row("Kept", percent(share, 1), colors.forecast);
      },
    },
    series: [
      {
        type: "line",
        data: [
          [0, 0],
          [1, 1],
        ],
        symbol: "none",
        silent: true,
        tooltip: { show: false },
        lineStyle: { color: colors.line, type: "dashed", width: 1 },
      },
      {
        type: "line",
        data: points.map((one) => [one.level, one.share]),
        symbolSize: 7,
        lineStyle: { color: colors.forecast, width: 2 },
        itemStyle: { color: colors.forecast },
      },
    ],
  };
}
