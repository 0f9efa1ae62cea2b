import { useCallback } from "react";
import { useSearchParams } from "react-router";

/** State that lives in the address, so that every screen can be linked to and the back button works. */
export function useAddress<Keys extends string>(defaults: Record<Keys, string>) {
  const [search, setSearch] = useSearchParams();
  const values = { ...defaults };
  for (const key of Object.keys(defaults) as Keys[]) values[key] = search.get(key) ?? defaults[key];
  const set = useCallback(
    (changes: Partial<Record<Keys, string>>, how: { replace?: boolean } = {}) => {
      setSearch(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [key, value] of Object.entries(changes) as [Keys, string | undefined][]) {
            if (value === undefined || value === "" || value === defaults[key]) next.delete(key);
            else next.set(key, value);
          }
          return next;
        },
        { replace: how.replace ?? true },
      );
    },
    [setSearch, defaults],
  );
  return [values, set] as const;
}

/** Several values in one address parameter. */
export function many(value: string): string[] {
  return value ? value.split(",").map(decodeURIComponent) : [];
}

export function joined(values: readonly string[]): string {
  return values.map((one) => encodeURIComponent(one).replaceAll(",", "%2C")).join(",");
}

/** The address of a series page. */
export function seriesAddress(item: string, location: string): string {
  return `/forecasts/series?${new URLSearchParams({ item, location })}`;
}
