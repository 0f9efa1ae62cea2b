import { connect, type Schemas } from "../api/client";
import { renewWith, setApiBase } from "../api/session";
import { applyAppearance, savedAppearance } from "./appearance";

/** What the app must know before anybody signs in; the same build runs on a laptop and behind CloudFront. */
export type WebConfig = Schemas["WebConfig"];

export async function start(): Promise<WebConfig> {
  applyAppearance(savedAppearance());
  const response = await fetch("/config.json");
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const config = (await response.json()) as WebConfig;
  setApiBase((config.api_base ?? "/v1").replace(/\/v1\/?$/, ""));
  const { sign_in_url, client_id } = config;
  if (config.sign_in === "cognito" && sign_in_url && client_id) {
    const { renew } = await import("../api/cognito");
    renewWith((refresh) => renew({ sign_in_url, client_id }, refresh));
  }
  connect();
  return config;
}
