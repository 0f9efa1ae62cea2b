/** Numbers, money and dates the way the person reading is used to (the browser's locale). */
const locales = typeof navigator === "undefined" ? undefined : [...(navigator.languages ?? [])];
const nothing = "–";

type Maybe<T> = T | null | undefined;
const whole = new Intl.NumberFormat(locales, { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat(locales, { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat(locales, { notation: "compact", maximumFractionDigits: 1 });
const percents = new Map<number, Intl.NumberFormat>();
const money = new Map<string, Intl.NumberFormat>();

/** Units: whole from 100 on, one decimal below (forecasts of slow items are fractions). */
export function units(value: Maybe<number>): string {
  if (value === null || value === undefined || Number.isNaN(value)) return nothing;
  return Math.abs(value) >= 100 || Number.isInteger(value) ? whole.format(value) : tenth.format(value);
}

/** Units with a sign, for differences. */
export function signed(value: Maybe<number>): string {
  if (value === null || value === undefined) return nothing;
  return value > 0 ? `+${units(value)}` : units(value);
}

export function count(value: Maybe<number>): string {
  return value === null || value === undefined ? nothing : whole.format(value);
}

export function compact(value: Maybe<number>): string {
  return value === null || value === undefined ? nothing : short.format(value);
}

export function percent(value: Maybe<number>, digits = 0): string {
  if (value === null || value === undefined || Number.isNaN(value)) return nothing;
  let format = percents.get(digits);
  if (!format) {
    format = new Intl.NumberFormat(locales, { style: "percent", maximumFractionDigits: digits });
    percents.set(digits, format);
  }
  return format.format(value);
}

/** Money in the lake's currency; a lake that says none shows plain numbers. */
export function amount(value: Maybe<number>, currency?: string | null, digits?: number): string {
  if (value === null || value === undefined) return nothing;
  const shown = digits ?? (Math.abs(value) >= 1000 ? 0 : 2);
  const key = `${currency ?? ""}/${shown}`;
  let format = money.get(key);
  if (!format) {
    const options = { minimumFractionDigits: shown, maximumFractionDigits: shown };
    format = new Intl.NumberFormat(locales, currency ? { style: "currency", currency, ...options } : options);
    money.set(key, format);
  }
  return format.format(value);
}

const dayFormat = new Intl.DateTimeFormat(locales, { dateStyle: "medium", timeZone: "UTC" });
const shortDay = new Intl.DateTimeFormat(locales, {
  weekday: "short",
  day: "numeric",
  month: "short",
  timeZone: "UTC",
});
const dayMonth = new Intl.DateTimeFormat(locales, { day: "numeric", month: "short", timeZone: "UTC" });
const momentFormat = new Intl.DateTimeFormat(locales, { dateStyle: "medium", timeStyle: "short" });

/** A business date (no time zone: it is the store's day). */
export function day(value: Maybe<string>): string {
  return value ? dayFormat.format(new Date(`${value.slice(0, 10)}T00:00:00Z`)) : nothing;
}

export function weekday(value: Maybe<string>): string {
  return value ? shortDay.format(new Date(`${value.slice(0, 10)}T00:00:00Z`)) : nothing;
}

export function monthDay(value: Maybe<string>): string {
  return value ? dayMonth.format(new Date(`${value.slice(0, 10)}T00:00:00Z`)) : nothing;
}

/** A moment, in the reader's time zone. */
export function moment(value: Maybe<string>): string {
  return value ? momentFormat.format(new Date(value)) : nothing;
}

const relative = new Intl.RelativeTimeFormat(locales, { numeric: "auto" });

/** "3 hours ago". */
export function ago(value: Maybe<string>, now = Date.now()): string {
  if (!value) return nothing;
  const seconds = (new Date(value).getTime() - now) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["day", 86_400],
    ["hour", 3600],
    ["minute", 60],
  ];
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return relative.format(Math.round(seconds / length), unit);
  }
  return relative.format(0, "minute");
}

export function bytes(value: Maybe<number>): string {
  if (value === null || value === undefined) return nothing;
  const names = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let name = 0;
  while (size >= 1000 && name < names.length - 1) {
    size /= 1000;
    name += 1;
  }
  return `${tenth.format(size)} ${names[name]}`;
}

export function duration(seconds: Maybe<number>): string {
  if (seconds === null || seconds === undefined) return nothing;
  if (seconds < 60) return `${tenth.format(seconds)} s`;
  return `${whole.format(Math.floor(seconds / 60))} min ${whole.format(seconds % 60)} s`;
}

/** A business date some days later. */
export function addDays(date: string, days: number): string {
  const moved = new Date(`${date.slice(0, 10)}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

/** snake_case as words: `target_fill_rate` -> "Target fill rate". */
export function words(name: Maybe<string>): string {
  if (!name) return nothing;
  const spaced = name.replaceAll("_", " ").replaceAll("-", " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
