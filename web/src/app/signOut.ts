import { api } from "../api/client";
import { forget } from "../api/session";
import type { WebConfig } from "./start";

/** End the session here and at the issuer. Gives the issuer's page to go to, where it has one. */
export async function signOut(config: WebConfig): Promise<string | undefined> {
  if (config.sign_in === "cognito" && config.sign_in_url && config.client_id) {
    const { signOutAddress } = await import("../api/cognito");
    forget();
    return signOutAddress({ sign_in_url: config.sign_in_url, client_id: config.client_id });
  }
  await api.POST("/v1/auth/sign-out").catch(() => undefined); // signed out here even when the server is away
  forget();
  return undefined;
}
