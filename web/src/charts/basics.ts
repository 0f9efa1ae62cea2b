import { monthDay, units, weekday } from "../lib/format";
import type { Palette } from "./palette";

/** Pieces that every chart's option shares: quiet axes, a tooltip in the page's colours. */
export function tooltip(colors: Palette) {
  return {
    trigger: "axis",
    confine: true,
    backgroundColor: colors.page,
    borderColor: colors.faint,
    textStyle: { color: colors.text, fontSize: 12 },
    axisPointer: { type: "line", lineStyle: { color: colors.line } },
  } as const;
}

export function dayAxis(dates: readonly string[], colors: Palette, more: object = {}) {
  return {
    type: "category",
    data: dates,
    boundaryGap: true,
    axisLine: { lineStyle: { color: colors.line } },
    axisTick: { show: false },
    axisLabel: { color: colors.text, hideOverlap: true, formatter: (value: string) => monthDay(value) },
    axisPointer: { label: { show: false } },
    ...more,
  };
}

export function unitAxis(colors: Palette, name: string, more: object = {}) {
  return {
    type: "value",
    name,
    nameTextStyle: { color: colors.text, align: "left", fontSize: 11 },
    nameGap: 10,
    axisLabel: { color: colors.text, formatter: (value: number) => units(value) },
    splitLine: { lineStyle: { color: colors.faint } },
    ...more,
  };
}

export function legend(colors: Palette, data?: string[]) {
  return {
    top: 0,
    type: "scroll",
    icon: "roundRect",
    itemWidth: 14,
    itemHeight: 8,
    textStyle: { color: colors.text },
    data,
  };
}

export function zoom(first: number, last: number, colors: Palette, axes: number[] = [0], top?: number) {
  return [
    {
      type: "inside",
      xAxisIndex: axes,
      startValue: first,
      endValue: last,
      zoomOnMouseWheel: "ctrl",
      moveOnMouseWheel: false,
    },
    {
      type: "slider",
      xAxisIndex: axes,
      startValue: first,
      endValue: last,
      height: 18,
      ...(top === undefined ? { bottom: 4 } : { top }),
      borderColor: colors.faint,
      textStyle: { color: colors.text },
      labelFormatter: (_: number, value: string) => monthDay(value),
      brushSelect: false,
    },
  ];
}

/** One line of a tooltip. Text from data is escaped: names come from files. */
export function row(name: string, value: string, color?: string): string {
  const dot = color
    ? `<span style="display:inline-block;width:9px;height:9px;border-radius:2px;margin-right:6px;background:${color}"></span>`
    : "";
  return `<div style="display:flex;gap:16px;justify-content:space-between"><span>${dot}${escapeText(name)}</span><b>${escapeText(value)}</b></div>`;
}

export function heading(date: string): string {
  return `<div style="margin-bottom:4px;font-weight:700">${escapeText(weekday(date))}</div>`;
}

export function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
