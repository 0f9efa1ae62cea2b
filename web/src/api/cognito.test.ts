import { afterEach, describe, expect, it, vi } from "vitest";
import { challengeOf, redeem, renew, signInAddress } from "./cognito";

const pool = { sign_in_url: "https://shop.auth.eu-central-1.amazoncognito.com/login", client_id: "app" };

afterEach(() => vi.unstubAllGlobals());

describe("sign-in at a Cognito pool", () => {
  it("makes the challenge of RFC 7636, appendix B", async () => {
    expect(await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe(
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
  });

  it("goes there and back, with the page one came for", async () => {
    const address = new URL(await signInAddress(pool, "/orders"));
    expect(address.origin).toBe("https://shop.auth.eu-central-1.amazoncognito.com");
    expect(address.searchParams.get("code_challenge_method")).toBe("S256");
    const sent = vi.fn(
      async (_url: string, _init: RequestInit) =>
        new Response(JSON.stringify({ access_token: "a", refresh_token: "r", expires_in: 3600 })),
    );
    vi.stubGlobal("fetch", sent);
    const { tokens, back } = await redeem(pool, "the-code", address.searchParams.get("state") ?? "");
    expect(back).toBe("/orders");
    expect(tokens.access_token).toBe("a");
    const body = sent.mock.calls[0]?.[1].body as URLSearchParams;
    expect(body.get("code")).toBe("the-code");
    expect(await challengeOf(body.get("code_verifier") ?? "")).toBe(address.searchParams.get("code_challenge"));
  });

  it("refuses a way back that wasn't begun here", async () => {
    await signInAddress(pool, "/orders");
    await expect(redeem(pool, "the-code", "another")).rejects.toThrow("not begun in this tab");
  });

  it("keeps the refresh token when it renews", async () => {
    vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ access_token: "a2", expires_in: 3600 })));
    expect(await renew(pool, "r")).toEqual({ access_token: "a2", refresh_token: "r", expires_in: 3600 });
  });
});
