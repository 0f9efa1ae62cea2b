import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hashOf, Sha256 } from "./sha256";

const bytesOf = (text: string) => new TextEncoder().encode(text);

describe("SHA-256 in pieces", () => {
  it("gives the published digests (FIPS 180-4 examples)", () => {
    expect(new Sha256().hex()).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(new Sha256().update(bytesOf("abc")).hex()).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    expect(new Sha256().update(bytesOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex()).toBe(
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    );
  });

  it("doesn't depend on how the data are cut", () => {
    const data = Uint8Array.from({ length: 1000 }, (_, place) => (place * 31) % 256);
    const whole = createHash("sha256").update(data).digest("hex");
    for (const size of [1, 7, 55, 56, 63, 64, 65, 128, 999]) {
      const hash = new Sha256();
      for (let at = 0; at < data.length; at += size) hash.update(data.subarray(at, at + size));
      expect(hash.hex()).toBe(whole);
    }
  });

  it("reads a file and says how far it is", async () => {
    const seen: number[] = [];
    const digest = await hashOf(new Blob([bytesOf("abc")]), (share) => seen.push(share));
    expect(digest).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(seen.at(-1)).toBe(1);
  });
});
