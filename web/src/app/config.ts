import { createContext, useContext } from "react";
import type { WebConfig } from "./start";

export const Config = createContext<WebConfig | undefined>(undefined);

/** What /config.json says: currency and frequency of the lake, how to sign in. */
export function useConfig(): WebConfig {
  const config = useContext(Config);
  if (!config) throw new Error("useConfig is for what stands inside <App>");
  return config;
}
