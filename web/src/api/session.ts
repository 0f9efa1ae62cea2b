import { ApiProblem } from "./problem";

/**
 * Tokens of the person signed in. The access token lives in memory only; the refresh token, which works once, is kept
 * by the browser so that a deep link in a new tab opens without a new sign-in. A lock keeps two tabs from using it twice.
 */
export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
}

const KEY = "shelfcast.refresh";
let access: { token: string; expires: number } | undefined;
let base = "";
const listeners = new Set<() => void>();

/** How a refresh token becomes new tokens: at our own API, unless another issuer signs people in. */
let renewal = async (refresh: string): Promise<Tokens> => {
  const response = await fetch(`${base}/v1/auth/refresh`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: refresh }),
  });
  if (!response.ok) throw await ApiProblem.of(response);
  return (await response.json()) as Tokens;
};

export function renewWith(how: (refresh: string) => Promise<Tokens>): void {
  renewal = how;
}

export function setApiBase(address: string): void {
  base = address;
}

export function apiBase(): string {
  return base;
}

export function keep(tokens: Tokens): void {
  access = { token: tokens.access_token, expires: Date.now() + (tokens.expires_in - 30) * 1000 };
  localStorage.setItem(KEY, tokens.refresh_token);
  for (const listener of listeners) listener();
}

export function forget(): void {
  access = undefined;
  localStorage.removeItem(KEY);
  for (const listener of listeners) listener();
}

export function mayBeSignedIn(): boolean {
  return access !== undefined || localStorage.getItem(KEY) !== null;
}

export function refreshToken(): string | null {
  return localStorage.getItem(KEY);
}

export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A token that is good for at least half a minute, refreshed where needed; null when somebody has to sign in. */
export async function accessToken(): Promise<string | null> {
  if (access && access.expires > Date.now()) return access.token;
  return locked(async () => {
    if (access && access.expires > Date.now()) return access.token;
    const refresh = localStorage.getItem(KEY);
    if (!refresh) return null;
    try {
      keep(await renewal(refresh));
    } catch (error) {
      if (!(error instanceof ApiProblem && error.status === 401)) throw error;
      forget();
      return null;
    }
    return access?.token ?? null;
  });
}

/** The token was refused although it hadn't expired (the server's key changed): get another one. */
export function dropAccess(): void {
  access = undefined;
}

function locked<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request(KEY, work) : work();
}
