/** What was read once isn't fetched again: not in one run, and not in the next, whatever has happened to the cache's folder. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ByteSource, memorySource } from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { repoOf } from "../../../test-support/fake-hub/fake-hub.mjs";
import { headerCache } from "../src/cache/header-cache.ts";
import { remembering } from "../src/cache/remembering.ts";
import { remoteSource } from "../src/transport/remote-source.ts";
import { atEnd, failure, hubWith, wayTo } from "./loopback.ts";

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => (i * 31) % 251);

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), "header-cache-"));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "headers");
}

/** A source that notes what is read of it. */
function watched(bytes = BYTES): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const inner = memorySource("f", bytes);
  const source: ByteSource = {
    ...inner,
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      reads.push([offset, length]);
      return await inner.read(offset, length);
    },
  };
  return { source, reads };
}

const someReads = fc.array(fc.tuple(fc.nat(1100), fc.nat(400)), { maxLength: 20 });

/** How often each byte was fetched, at most. */
function mostFetched(reads: readonly [number, number][]): number {
  const counts = new Uint8Array(BYTES.length);
  for (const [offset, length] of reads) for (let i = offset; i < offset + length; i++) counts[i] = (counts[i] ?? 0) + 1;
  return Math.max(...counts);
}

describe("a source that remembers", () => {
  it("gives the same bytes, each fetched once, whatever is read in which order", async () => {
    await fc.assert(
      fc.asyncProperty(someReads, async (wanted) => {
        const { source, reads } = watched();
        const kept = remembering(source);
        for (const [offset, length] of wanted)
          expect(Buffer.compare(await kept.read(offset, length), BYTES.subarray(offset, offset + length))).toBe(0);
        expect(mostFetched(reads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("and all at once", async () => {
    await fc.assert(
      fc.asyncProperty(someReads, async (wanted) => {
        const { source, reads } = watched();
        const kept = remembering(source);
        const all = await Promise.all(wanted.map(([offset, length]) => kept.read(offset, length)));
        for (const [i, [offset, length]] of wanted.entries())
          expect(Buffer.compare(all[i] as Uint8Array, BYTES.subarray(offset, offset + length))).toBe(0);
        expect(mostFetched(reads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("gives the same bytes from the cache, and fetches only what isn't there", async () => {
    const folder = folderOf();
    await fc.assert(
      fc.asyncProperty(someReads, someReads, fc.uuid(), async (before, after, key) => {
        const cache = headerCache(folder);
        const reads: [number, number][] = [];
        for (const wanted of [before, after]) {
          const look = watched();
          const kept = remembering(look.source, { cache, key });
          for (const [offset, length] of wanted)
            expect(Buffer.compare(await kept.read(offset, length), BYTES.subarray(offset, offset + length))).toBe(0);
          await kept.close();
          reads.push(...look.reads);
        }
        expect(mostFetched(reads)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 40 },
    );
  });

  it("fetches only the missing end, and gives views of what it keeps", async () => {
    const { source, reads } = watched();
    const kept = remembering(source);
    await kept.read(0, 100);
    await kept.read(50, 150);
    expect(reads).toEqual([
      [0, 100],
      [100, 100],
    ]);
    const [one, same] = [await kept.read(10, 20), await kept.read(10, 20, { into: new Uint8Array(20) })];
    expect(one.buffer).toBe(same.buffer);
    expect(reads.length).toBe(2);
  });

  it("asks again for what failed, and for what another read gave up", async () => {
    const { source, reads } = watched();
    const gates: (() => void)[] = [];
    const slow: ByteSource = {
      ...source,
      async read(offset, length, options) {
        await new Promise<void>((resolve, reject) => {
          gates.push(resolve);
          options?.signal?.addEventListener("abort", () => reject(options.signal?.reason), { once: true });
        });
        return await source.read(offset, length);
      },
    };
    const kept = remembering(slow);
    const stop = new AbortController();
    const first = kept.read(0, 100, { signal: stop.signal });
    const second = kept.read(0, 100);
    await Promise.resolve();
    await Promise.resolve();
    stop.abort(new Error("enough"));
    await expect(first).rejects.toThrow("enough");
    while (gates.length < 2) await Promise.resolve();
    for (const open of gates) open();
    expect(await second).toEqual(BYTES.subarray(0, 100));
    expect(reads).toEqual([[0, 100]]);
  });

  it("gives what there is when its source has become shorter", async () => {
    const shorter: ByteSource = { ...memorySource("f", BYTES.subarray(0, 150)), sizeBytes: 1000 };
    const kept = remembering(shorter);
    await kept.read(0, 100);
    expect(await kept.read(50, 200)).toEqual(BYTES.subarray(50, 150));
  });

  it("is read no more when it is closed", async () => {
    const kept = remembering(watched().source);
    await kept.close();
    expect(await failure(kept.read(0, 1))).toBe("not-found: f is closed already");
  });

  it("needs no request for a second look", async () => {
    const hub = await hubWith({ repos: { "org/model": repoOf({ "model.gguf": BYTES }) }, redirectLarge: true });
    const file = { url: `${hub.url}/org/model/resolve/main/model.gguf`, name: "model.gguf", sizeBytes: BYTES.length };
    const folder = folderOf();
    for (const requests of [3, 0]) {
      hub.reset();
      const source = await remoteSource(file, wayTo(hub.url, { offline: requests === 0 }));
      const kept = remembering(source, { cache: headerCache(folder), key: "sha" });
      expect(await kept.read(0, 300)).toEqual(BYTES.subarray(0, 300));
      expect(await kept.read(200, 300)).toEqual(BYTES.subarray(200, 500));
      await kept.close();
      expect(hub.requests.length).toBe(requests);
    }
  });

  it("doesn't believe a cache that has another size", async () => {
    const cache = headerCache(folderOf());
    await cache.put("k", { sizeBytes: 999, extents: [{ offset: 0, bytes: new Uint8Array(10) }] });
    const { source, reads } = watched();
    expect(await remembering(source, { cache, key: "k" }).read(0, 10)).toEqual(BYTES.subarray(0, 10));
    expect(reads.length).toBe(1);
  });
});

describe("the cache on the disk", () => {
  const header = {
    sizeBytes: 5000,
    extents: [
      { offset: 0, bytes: BYTES.subarray(0, 300) },
      { offset: 700, bytes: BYTES.subarray(700, 710) },
    ],
  };
  const plain = (cached: Awaited<ReturnType<ReturnType<typeof headerCache>["get"]>>) =>
    cached && { ...cached, extents: cached.extents.map((it) => ({ ...it, bytes: new Uint8Array(it.bytes) })) };

  it("gives back what was put there, for its key alone", async () => {
    const folder = folderOf();
    await headerCache(folder).put("../key", header);
    expect(plain(await headerCache(folder).get("../key"))).toEqual(header);
    expect(await headerCache(folder).get("key")).toBeUndefined();
    const before = Date.now();
    await headerCache(folder).putJson("listing", "../key", { files: [1] });
    const cached = await headerCache(folder).getJson("listing", "../key");
    expect(cached?.value).toEqual({ files: [1] });
    expect(Math.abs((cached?.stored.getTime() ?? 0) - before)).toBeLessThan(60_000);
    expect(await headerCache(folder).getJson("other", "../key")).toBeUndefined();
  });

  it("is the user's own, and its names say nothing of what a server said", async () => {
    const folder = folderOf();
    const cache = headerCache(folder);
    await cache.put("org/model\u0000/../../x", header);
    await cache.putJson("listing", "org/model", {});
    for (const name of readdirSync(folder)) expect(name).toMatch(/^[0-9a-f]{40}\.(head|json)$/);
    expect(readdirSync(folder).length).toBe(2);
    if (process.platform !== "win32") expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("has nothing in an entry that is damaged in any byte, cut anywhere, or of another key, and puts a good one in its place", async () => {
    const folder = folderOf();
    const cache = headerCache(folder);
    await cache.put("k", header);
    const path = join(folder, readdirSync(folder)[0] ?? "");
    const good = readFileSync(path);
    const entry = fc.oneof(
      fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, by]) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ by;
        return bad;
      }),
      fc.nat(good.length - 1).map((length) => good.subarray(0, length)),
      fc.uint8Array().map((more) => Buffer.concat([good, more, Buffer.of(0)])),
    );
    await fc.assert(
      fc.asyncProperty(entry, async (bytes) => {
        writeFileSync(path, bytes);
        expect(await cache.get("k")).toBeUndefined();
      }),
      { numRuns: 200 },
    );
    await cache.put("k", header);
    expect(plain(await cache.get("k"))).toEqual(header);
  });

  it.each(["a file", "a folder in an entry's place"])("never fails: %s", async (what) => {
    const folder = folderOf();
    const cache = headerCache(folder);
    if (what === "a file") writeFileSync(folder, "");
    else {
      await cache.put("k", header);
      const [name = ""] = readdirSync(folder);
      rmSync(join(folder, name));
      mkdirSync(join(folder, name));
    }
    await cache.put("k", header);
    expect(await cache.get("k")).toBeUndefined();
    await cache.putJson("listing", "k", {});
    if (what !== "a file") expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  // Who may do everything isn't stopped by permissions.
  it.skipIf(process.platform === "win32" || process.getuid?.() === 0)(
    "never fails: a folder without permission",
    async () => {
      const folder = folderOf();
      mkdirSync(folder, { mode: 0o500 });
      atEnd(() => chmodSync(folder, 0o700));
      await headerCache(folder).put("k", header);
      expect(await headerCache(folder).get("k")).toBeUndefined();
    },
  );

  it("stays within its size: the oldest go, and other files stay", async () => {
    const folder = folderOf();
    const cache = headerCache(folder, { maxBytes: 3500 });
    const entry = { sizeBytes: 1000, extents: [{ offset: 0, bytes: BYTES }] };
    await cache.put("first", entry);
    writeFileSync(join(folder, "notes.txt"), "mine");
    const left = join(folder, `${"0".repeat(40)}.head.${"0".repeat(12)}.tmp`);
    writeFileSync(left, "");
    for (const [i, name] of readdirSync(folder).entries()) utimesSync(join(folder, name), 1000 + i, 1000 + i);
    for (const key of ["second", "third", "fourth"]) await cache.put(key, entry);
    expect(await cache.get("first")).toBeUndefined();
    expect(await cache.get("fourth")).toBeDefined();
    const names = readdirSync(folder);
    expect(names).toContain("notes.txt");
    expect(names.some((name) => name.endsWith(".tmp"))).toBe(false);
    const total = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    expect(total).toBeLessThanOrEqual(3500 + 4);
  });
});
