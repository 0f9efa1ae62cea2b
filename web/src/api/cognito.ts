import { ApiProblem } from "./problem";
import type { Tokens } from "./session";

/** Sign-in at a Cognito user pool's own page: authorization code with PKCE (RFC 7636), no secret in the browser. */
export interface Pool {
  /** Any address of the pool's sign-in domain. */
  sign_in_url: string;
  client_id: string;
}

const PENDING = "shelfcast.sign-in";

interface Pending {
  state: string;
  verifier: string;
  back: string;
}

const originOf = (pool: Pool) => new URL(pool.sign_in_url).origin;
const returnAddress = () => `${location.origin}/sign-in`;

function random(): string {
  return urlText(crypto.getRandomValues(new Uint8Array(32)));
}

function urlText(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** S256 of RFC 7636. */
export async function challengeOf(verifier: string): Promise<string> {
  return urlText(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** Where to send the browser; what is needed on the way back is kept for this tab. */
export async function signInAddress(pool: Pool, back: string): Promise<string> {
  const pending: Pending = { state: random(), verifier: random(), back };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: pool.client_id,
    redirect_uri: returnAddress(),
    scope: "openid profile",
    state: pending.state,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
  });
  return `${originOf(pool)}/oauth2/authorize?${query}`;
}

/** The way back: tokens for the code, and the page one came for. */
export async function redeem(pool: Pool, code: string, state: string): Promise<{ tokens: Tokens; back: string }> {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
  sessionStorage.removeItem(PENDING);
  if (!pending || pending.state !== state) {
    throw new ApiProblem(401, "Sign-in refused", "This sign-in was not begun in this tab. Sign in again.");
  }
  const tokens = await token(pool, {
    grant_type: "authorization_code",
    code,
    redirect_uri: returnAddress(),
    code_verifier: pending.verifier,
  });
  return { tokens, back: pending.back };
}

/** Cognito's refresh token stays the same until it expires. */
export async function renew(pool: Pool, refresh: string): Promise<Tokens> {
  return { ...(await token(pool, { grant_type: "refresh_token", refresh_token: refresh })), refresh_token: refresh };
}

export function signOutAddress(pool: Pool): string {
  return `${originOf(pool)}/logout?${new URLSearchParams({ client_id: pool.client_id, logout_uri: returnAddress() })}`;
}

async function token(pool: Pool, more: Record<string, string>): Promise<Tokens> {
  const response = await fetch(`${originOf(pool)}/oauth2/token`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ client_id: pool.client_id, ...more }),
  });
  if (response.status === 400) throw new ApiProblem(401, "Sign-in refused", "The sign-in has expired. Sign in again.");
  if (!response.ok) throw await ApiProblem.of(response);
  return (await response.json()) as Tokens;
}
