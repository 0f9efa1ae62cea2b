import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { accessToken, forget, keep, mayBeSignedIn, refreshToken } from "./session";

const tokens = (number: number) => ({ access_token: `a${number}`, refresh_token: `r${number}`, expires_in: 900 });
const answers = (status: number, body: object) => new Response(JSON.stringify(body), { status });

beforeEach(() => {
  vi.useFakeTimers();
  forget();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the session", () => {
  it("uses the access token as long as it is good", async () => {
    const asked = vi.fn();
    vi.stubGlobal("fetch", asked);
    keep(tokens(1));
    expect(await accessToken()).toBe("a1");
    expect(asked).not.toHaveBeenCalled();
  });

  it("gets a new pair before the token runs out, and keeps the new refresh token", async () => {
    vi.stubGlobal("fetch", async () => answers(200, tokens(2)));
    keep(tokens(1));
    vi.advanceTimersByTime(900_000);
    expect(await accessToken()).toBe("a2");
    expect(refreshToken()).toBe("r2");
  });

  it("ends when the refresh token is refused", async () => {
    vi.stubGlobal("fetch", async () => answers(401, { detail: "used" }));
    keep(tokens(1));
    vi.advanceTimersByTime(900_000);
    expect(await accessToken()).toBeNull();
    expect(mayBeSignedIn()).toBe(false);
  });

  it("stays when the server is only away", async () => {
    vi.stubGlobal("fetch", async () => answers(503, { title: "Away", detail: "try later" }));
    keep(tokens(1));
    vi.advanceTimersByTime(900_000);
    await expect(accessToken()).rejects.toThrow("try later");
    expect(mayBeSignedIn()).toBe(true);
  });
});
