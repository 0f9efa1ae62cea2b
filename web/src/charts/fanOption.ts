import type { EChartsCoreOption } from "echarts/core";
import { amount, percent, units } from "../lib/format";
import { dayAxis, escapeText, heading, legend, row, tooltip, unitAxis, zoom } from "./basics";
import type { Palette } from "./palette";

export interface PastDay {
  date: string;
  sales: number | null;
  demand: number | null;
  stockOut: boolean;
  closed: boolean;
  price?: number | null;
}

export interface FutureDay {
  date: string;
  mean: number;
  /** Quantiles by level: 0.1 -> units. */
  quantiles: Record<string, number>;
  modelMean?: number | null;
  price?: number | null;
}

/** Something that holds from a day to a day: a festival, a promotion. */
export interface Span {
  kind: "festival" | "promotion" | "stock-out" | "closed" | "override";
  name: string;
  first: string;
  last: string;
}

export const BANDS: [string, string, string][] = [
  ["0.025", "0.975", "95 % of cases"],
  ["0.1", "0.9", "80 % of cases"],
  ["0.25", "0.75", "half of cases"],
];

const LANE_HEIGHT = 18;
const LANES = ["stock-out", "promotion", "festival", "override"] as const;
const LANE_NAMES: Record<(typeof LANES)[number], string> = {
  "stock-out": "Stock-out",
  promotion: "Promotion",
  festival: "Festival",
  override: "Override",
};

/** Runs of days that follow each other, as spans. */
export function runsOf(days: readonly { date: string }[], holds: (index: number) => boolean): [string, string][] {
  const found: [string, string][] = [];
  let start = -1;
  for (let index = 0; index <= days.length; index++) {
    const on = index < days.length && holds(index);
    if (on && start < 0) start = index;
    if (!on && start >= 0) {
      found.push([(days[start] as { date: string }).date, (days[index - 1] as { date: string }).date]);
      start = -1;
    }
  }
  return found;
}

/** History, forecast with its bands, and underneath the days of stock-outs, promotions, festivals and overrides. */
export function fanOption(
  past: PastDay[],
  future: FutureDay[],
  spans: Span[],
  colors: Palette,
  currency?: string | null,
): EChartsCoreOption {
  const dates = [...past.map((one) => one.date), ...future.map((one) => one.date)];
  const index = new Map(dates.map((date, at) => [date, at]));
  const gap = past.map(() => null);
  const stockOuts: Span[] = runsOf(past, (at) => past[at]?.stockOut === true).map(([first, last]) => ({
    kind: "stock-out",
    name: "Stock ran out: sales understate demand",
    first,
    last,
  }));
  const shown = [...stockOuts, ...spans];
  const lanes = LANES.filter((lane) => shown.some((one) => one.kind === lane));
  const laneHeight = LANE_HEIGHT;
  const lanesTop = 300;
  const sliderTop = lanesTop + 20 + lanes.length * laneHeight;
  const withPrice = [...past, ...future].some((one) => one.price !== null && one.price !== undefined);
  const available = BANDS.filter(([low, high]) => future.some((one) => low in one.quantiles && high in one.quantiles));
  const bands = available.flatMap(([low, high, name], at) => [
    {
      name: `${name} low`,
      type: "line",
      stack: `band${at}`,
      data: [...gap, ...future.map((one) => one.quantiles[low] ?? null)],
      lineStyle: { opacity: 0 },
      symbol: "none",
      silent: true,
      tooltip: { show: false },
    },
    {
      name,
      type: "line",
      stack: `band${at}`,
      stackStrategy: "all",
      data: [...gap, ...future.map((one) => (one.quantiles[high] ?? 0) - (one.quantiles[low] ?? 0))],
      lineStyle: { opacity: 0 },
      itemStyle: { color: colors.bandMark[at] },
      areaStyle: { color: colors.band[at] },
      symbol: "none",
      silent: true,
    },
  ]);
  const overridden = future.some((one) => one.modelMean !== null && one.modelMean !== undefined);
  const recovered = past.some((one) => one.demand !== null && one.sales !== null && one.demand > one.sales + 1e-9);
  const at = (span: Span) => {
    const from = index.get(span.first) ?? (span.first < (dates[0] ?? "") ? 0 : -1);
    const to = index.get(span.last) ?? (span.last > (dates.at(-1) ?? "") ? dates.length - 1 : -1);
    return from < 0 || to < 0 ? undefined : ([from, to] as const);
  };
  const laneColor = {
    "stock-out": colors.stockOut,
    promotion: colors.promotion,
    festival: colors.festival,
    override: colors.override,
  };
  return {
    animation: false,
    legend: {
      ...legend(colors, [
        "Sales",
        ...(recovered ? ["Demand with stock-outs filled"] : []),
        "Forecast",
        ...(overridden ? ["Model, before the override"] : []),
        ...available.map(([, , name]) => name),
        ...(withPrice ? ["Price"] : []),
      ]),
    },
    grid: [
      { left: 52, right: withPrice ? 56 : 16, top: 52, height: lanesTop - 76 },
      { left: 52, right: withPrice ? 56 : 16, top: lanesTop + 12, height: Math.max(1, lanes.length * laneHeight) },
    ],
    tooltip: {
      ...tooltip(colors),
      formatter: (points: { dataIndex: number }[]) => tip(points[0]?.dataIndex ?? 0),
    },
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    xAxis: [
      dayAxis(dates, colors),
      dayAxis(dates, colors, { gridIndex: 1, axisLabel: { show: false }, axisLine: { show: false } }),
    ],
    yAxis: [
      unitAxis(colors, "Units a day", { min: (range: { min: number }) => (range.min < 0 ? null : 0) }),
      {
        type: "category",
        gridIndex: 1,
        inverse: true,
        data: lanes.map((lane) => LANE_NAMES[lane]),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: colors.text, fontSize: 10, width: 50, overflow: "truncate" },
        splitLine: { show: true, lineStyle: { color: colors.faint, type: "dotted" } },
      },
      ...(withPrice
        ? [
            {
              type: "value",
              name: "Price",
              nameTextStyle: { color: colors.text, fontSize: 11 },
              nameGap: 10,
              min: 0,
              splitLine: { show: false },
              axisLabel: { color: colors.text, formatter: (value: number) => amount(value, currency, 2) },
            },
          ]
        : []),
    ],
    dataZoom: zoom(Math.max(0, past.length - 84), dates.length - 1, colors, [0, 1], sliderTop),
    series: [
      ...bands,
      {
        name: "Sales",
        type: "line",
        data: past.map((one) => one.sales),
        lineStyle: { width: 1.4, color: colors.actual },
        itemStyle: { color: colors.actual },
        symbol: "circle",
        symbolSize: 3,
        showSymbol: past.length < 130,
        markLine: {
          silent: true,
          symbol: "none",
          label: { formatter: "Forecast starts", color: colors.text, fontSize: 10, position: "insideEndTop" },
          lineStyle: { color: colors.line, type: "dashed" },
          data: future[0] ? [{ xAxis: future[0].date }] : [],
        },
      },
      ...(recovered
        ? [
            {
              name: "Demand with stock-outs filled",
              type: "line",
              data: past.map((one, place) => (near(past, place) ? one.demand : null)),
              lineStyle: { width: 1.4, type: "dotted", color: colors.demand },
              itemStyle: { color: colors.demand },
              symbolSize: 4,
              showSymbol: past.length < 130,
            },
          ]
        : []),
      {
        name: "Forecast",
        type: "line",
        data: [...gap, ...future.map((one) => one.mean)],
        lineStyle: { width: 2.2, color: colors.forecast },
        itemStyle: { color: colors.forecast },
        symbol: "none",
      },
      ...(overridden
        ? [
            {
              name: "Model, before the override",
              type: "line",
              data: [...gap, ...future.map((one) => one.modelMean ?? one.mean)],
              lineStyle: { width: 1.4, type: "dashed", color: colors.override },
              itemStyle: { color: colors.override },
              symbol: "none",
            },
          ]
        : []),
      ...(withPrice
        ? [
            {
              name: "Price",
              type: "line",
              step: "start",
              yAxisIndex: 2,
              data: [...past, ...future].map((one) => one.price ?? null),
              lineStyle: { width: 1, color: colors.promotion, opacity: 0.8 },
              itemStyle: { color: colors.promotion },
              symbol: "none",
            },
          ]
        : []),
      {
        type: "custom",
        xAxisIndex: 1,
        yAxisIndex: 1,
        tooltip: { show: false },
        silent: true,
        encode: { x: [0, 1], y: 2 },
        data: shown.flatMap((span) => {
          const place = at(span);
          const lane = lanes.indexOf(span.kind as (typeof LANES)[number]);
          return place && lane >= 0
            ? [{ value: [...place, lane], itemStyle: { color: laneColor[span.kind as keyof typeof laneColor] } }]
            : [];
        }),
        renderItem: (
          _: unknown,
          draw: {
            value: (dimension: number) => number;
            coord: (point: number[]) => [number, number];
            size: (point: number[]) => [number, number];
            style: () => object;
          },
        ) => {
          const [left, middle] = draw.coord([draw.value(0), draw.value(2)]);
          const [right] = draw.coord([draw.value(1), draw.value(2)]);
          const [width] = draw.size([1, 1]);
          return {
            type: "rect",
            shape: { x: left - width / 2, y: middle - 5, width: Math.max(2, right - left + width), height: 10, r: 2 },
            style: draw.style(),
          };
        },
      },
    ],
  };

  function tip(place: number): string {
    const date = dates[place] ?? "";
    const lines = [heading(date)];
    const then = past[place];
    if (then) {
      lines.push(then.closed ? row("Closed", "") : row("Sales", units(then.sales), colors.actual));
      if (then.stockOut) lines.push(row("Stock ran out; demand was about", units(then.demand), colors.demand));
    }
    const ahead = future[place - past.length];
    if (ahead) {
      lines.push(row("Forecast (mean)", units(ahead.mean), colors.forecast));
      for (const [low, high, name] of available) {
        lines.push(row(name, `${units(ahead.quantiles[low])} – ${units(ahead.quantiles[high])}`));
      }
      if (ahead.modelMean !== null && ahead.modelMean !== undefined)
        lines.push(row("Model said", units(ahead.modelMean), colors.override));
    }
    const price = (then ?? ahead)?.price;
    if (price !== null && price !== undefined) lines.push(row("Price", amount(price, currency, 2)));
    for (const span of shown) {
      if (span.first <= date && date <= span.last && span.kind !== "stock-out") {
        lines.push(
          `<div style="color:${laneColor[span.kind as keyof typeof laneColor] ?? colors.text}">${escapeText(span.name)}</div>`,
        );
      }
    }
    return lines.join("");
  }
}

/** A stock-out day or a neighbour of one, so that the dotted line is tied to the sales line. */
function near(past: PastDay[], at: number): boolean {
  return [at - 1, at, at + 1].some((place) => past[place]?.stockOut === true);
}

/** Height of the drawing: the more kinds of marked days, the higher. */
export function fanHeight(past: PastDay[], spans: Span[]): number {
  const kinds = new Set<string>(spans.map((one) => one.kind));
  if (past.some((one) => one.stockOut)) kinds.add("stock-out");
  return 356 + LANE_HEIGHT * LANES.filter((one) => kinds.has(one)).length;
}

/** The forecast as a sentence, for those who can't see the drawing. */
export function fanSentence(name: string, past: PastDay[], future: FutureDay[]): string {
  const total = future.reduce((sum, one) => sum + one.mean, 0);
  const outs = past.filter((one) => one.stockOut).length;
  return (
    `${name}: ${past.length} days of history with ${outs} stock-out days, then a forecast of ${units(total)} units over ` +
    `${future.length} days (${percent(past.length ? total / Math.max(1e-9, sumOf(past.slice(-future.length))) - 1 : null)} against as many days before).`
  );
}

function sumOf(past: PastDay[]): number {
  return past.reduce((sum, one) => sum + (one.demand ?? one.sales ?? 0), 0);
}
