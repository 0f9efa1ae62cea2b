import { applyDensity, applyMode, Density, Mode } from "@cloudscape-design/global-styles";
import { useSyncExternalStore } from "react";

/** Light, dark, or as the machine is set. */
export type Appearance = "light" | "dark" | "system";

const KEY = "shelfcast.appearance";
const dark = typeof matchMedia === "undefined" ? undefined : matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let chosen: Appearance = "system";

export function savedAppearance(): Appearance {
  const saved = localStorage.getItem(KEY);
  return saved === "light" || saved === "dark" ? saved : "system";
}

export function isDark(): boolean {
  return chosen === "dark" || (chosen === "system" && dark?.matches === true);
}

export function applyAppearance(appearance: Appearance): void {
  chosen = appearance;
  if (appearance === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, appearance);
  applyDensity(Density.Compact);
  show();
}

function show(): void {
  applyMode(isDark() ? Mode.Dark : Mode.Light);
  document.documentElement.style.colorScheme = isDark() ? "dark" : "light";
  for (const listener of listeners) listener();
}

dark?.addEventListener("change", show);

export function useAppearance(): { dark: boolean; appearance: Appearance } {
  const key = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => `${chosen}/${isDark()}`,
  );
  return { dark: key.endsWith("true"), appearance: key.split("/")[0] as Appearance };
}
