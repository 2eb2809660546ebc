import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseSafetensorsMetadata } from "@huggingface/hub";
import { describe, expect, it } from "vitest";
import { describeReal, listReal, readRealJson, realData } from "../../../test-support/real-data.ts";
import type { CheckpointError, Finding, Severity } from "../src/errors.ts";
import { MAX_FINDINGS_PER_RULE } from "../src/findings.ts";
import { readSafetensors, type SafetensorsFile } from "../src/safetensors/read.ts";
import { assembleSafetensors, writeSafetensors } from "../src/safetensors/write.ts";
import { type ByteSource, memorySource } from "../src/source/byte-source.ts";

interface Verdict {
  readonly file?: string;
  readonly ok: boolean;
  readonly header_len?: number;
  readonly meta?: readonly [string, string][] | null;
  readonly tensors?: readonly { name: string; dtype: string; shape: number[]; off: [number, number] }[];
}

const read = (bytes: Uint8Array): Promise<SafetensorsFile> => readSafetensors(memorySource("x.safetensors", bytes));
const rules = (findings: readonly Finding[], severity?: Severity): string[] =>
  findings.filter((finding) => !severity || finding.severity === severity).map(({ rule }) => rule.replace(/^.*\//, ""));

/** Reads a header over `dataBytes` of zeros. */
const readHeader = (json: string, dataBytes = 0): Promise<SafetensorsFile> =>
  read(assembleSafetensors(json, new Uint8Array(dataBytes)));
const entry = (name: string, begin: number, end: number, more = ""): string =>
  `${JSON.stringify(name)}:{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]${more}}`;

/** Accepted by the reference reader, but against the format: it forbids duplicate keys. */
const STRICTER = new Set([
  "dup-key-same-offsets.safetensors",
  "dup-key-two-valid-ranges.safetensors",
  "dup-metadata-inner-key.safetensors",
]);

function expectVerdict(file: SafetensorsFile, verdict: Verdict): void {
  expect(file.headerBytes).toBe(8 + (verdict.header_len ?? Number.NaN));
  if (verdict.tensors) {
    const byName = <T extends { name: string }>(list: readonly T[]): T[] =>
      list.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    const ours = file.tensors.map(({ name, type: dtype, shape, offset, sizeBytes }) => {
      const begin = offset - file.headerBytes;
      return { name, dtype, shape: [...shape], off: [begin, begin + sizeBytes] };
    });
    expect(byName(ours)).toEqual(byName(verdict.tensors));
  }
  const metadata = Object.fromEntries(file.metadata.map(({ key, value }) => [key, value]));
  expect(metadata).toEqual(Object.fromEntries(verdict.meta ?? []));
}

for (const folder of ["reported", "hf-tensor-rs"]) {
  describeReal(`verdicts of the reference reader: ${folder}`, () => {
    const names = listReal("safetensors-bad", folder).filter((name) => name.endsWith(".safetensors"));
    it.each(names)("%s", async (name) => {
      const verdict = readRealJson<Record<string, Verdict>>("safetensors-bad", folder, "ORACLE.json")[name] as Verdict;
      const bytes = readFileSync(realData("safetensors-bad", folder, name));
      const outcome = await readSafetensors(memorySource(name, bytes)).catch((error: CheckpointError) => error);
      if (outcome instanceof Error) {
        expect(verdict.ok).toBe(false);
        expect(outcome.name).toBe("CheckpointError");
        expect(outcome.message).not.toContain("\n");
        return;
      }
      const errors = rules(outcome.findings, "error");
      if (STRICTER.has(name)) expect(errors).toEqual(["duplicate-key"]);
      else if (verdict.ok) expect(errors).toEqual([]);
      else expect(errors.length + (outcome.error ? 1 : 0)).toBeGreaterThan(0);
      if (verdict.ok) expectVerdict(outcome, verdict);
    });
  });
}

const publicFiles = ["safetensors-public", "safetensors-flagged"].flatMap((top) =>
  listReal(top).flatMap((folder) => listReal(top, folder).map((name) => `${top}/${folder}/${name}`)),
);

describeReal("published files", () => {
  const verdicts = (): Verdict[] =>
    readFileSync(realData("oracle", "safetensors", "public.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Verdict);

  it.each(publicFiles)("%s reads as the reference says", async (path) => {
    const bytes = readFileSync(realData(path));
    const length = bytes.readUInt32LE(0);
    // The list gives the base name only; two files of one name have headers of different lengths.
    const verdict = verdicts().find((row) => row.file === basename(path) && (!row.ok || row.header_len === length));
    expect(verdict).toBeDefined();
    const file = await readSafetensors(memorySource(path, bytes));
    expect(rules(file.findings, "error").length > 0).toBe(!verdict?.ok);
    if (verdict?.ok) expectVerdict(file, verdict);
  });

  it.each(publicFiles)("%s reads as @huggingface/hub reads it", async (path) => {
    const bytes = readFileSync(realData(path));
    const serve: typeof fetch = async (input, init) => {
      const { pathname } = new URL(String(input instanceof Request ? input.url : input));
      if (!pathname.endsWith(".safetensors")) {
        return new Response(null, { status: 404, headers: { "X-Error-Code": "EntryNotFound" } });
      }
      const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get("range") ?? "");
      const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)] : [0, bytes.length];
      const headers = {
        ETag: '"e"',
        "Content-Length": String(end - start),
        "Content-Range": `bytes ${start}-${end - 1}/${bytes.length}`,
      };
      return new Response(new Uint8Array(bytes.subarray(start, end)), { status: range ? 206 : 200, headers });
    };
    const theirs = await parseSafetensorsMetadata({ repo: "test/model", path: basename(path), fetch: serve });
    if (theirs.sharded) throw new Error("one file is not sharded");
    const { __metadata__: metadata, ...tensors } = theirs.header;
    const ours = await readSafetensors(memorySource(path, bytes));
    expect(
      Object.fromEntries(
        ours.tensors.map(({ name, type: dtype, shape, offset, sizeBytes }) => {
          const begin = offset - ours.headerBytes;
          return [name, { dtype, shape, data_offsets: [begin, begin + sizeBytes] }];
        }),
      ),
    ).toEqual(tensors);
    expect(Object.fromEntries(ours.metadata.map(({ key, value }) => [key, value]))).toEqual(metadata ?? {});
  });
});

it("shows a file with faults whole, and every fault in one pass", async () => {
  const json = `{"__metadata__":{"n":1,"s":"x"},${entry("a", 0, 4)},${entry("b", 8, 12)},${entry("c", 10, 14)},"odd":{"dtype":"Q9","shape":[3],"data_offsets":[14,16]},"__proto__":{"dtype":"F32","shape":[2],"data_offsets":[16,20]},"late":{"dtype":"U8","shape":[40],"data_offsets":[20,60]},"bad":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}\0\0`;
  const file = await readHeader(json, 30);
  expect(file.tensors.map(({ name }) => name)).toEqual(["a", "b", "c", "odd", "__proto__", "late"]);
  expect(file.metadata).toEqual([
    { key: "n", value: "1" },
    { key: "s", value: "x" },
  ]);
  expect(rules(file.findings, "error").sort()).toEqual([
    "bad-entry",
    "metadata-not-string",
    "nul-padding",
    "overlap",
    "size-mismatch",
    "truncated-data",
    "unknown-dtype",
  ]);
  expect(rules(file.findings, "note")).toEqual(["proto-name", "misaligned"]);
  expect(file.tensors[3]).toMatchObject({ type: "Q9", elements: 3, sizeBytes: 2 });
  for (const { message } of file.findings) expect(message).not.toContain("\n");
});

it.each([
  ["hole", `{${entry("a", 4, 8)}}`, 8, "4 bytes of data before tensor"],
  ["trailing-data", `{${entry("a", 0, 8)}}`, 9, "1 byte after the last tensor"],
  ["byte-order-mark", `\ufeff{${entry("a", 0, 8)}}`, 8, "byte order mark"],
  ["trailing-garbage", `{${entry("a", 0, 8)}}{}`, 8, "2 bytes follow the header's JSON object"],
  ["lone-surrogate", `{${entry("a", 0, 8, ',"x":["\\udc00"]')}}`, 8, "half a surrogate pair"],
  ["lone-surrogate", `{"\\udc00":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}`, 8, "half a surrogate pair"],
  ["reversed-offsets", `{"a":{"dtype":"U8","shape":[0],"data_offsets":[8,0]}}`, 8, "reversed data_offsets [8, 0]"],
  ["sub-byte-size", `{"a":{"dtype":"F4","shape":[1,3],"data_offsets":[0,2]}}`, 2, "don't end at a byte"],
  ["size-overflow", `{"a":{"dtype":"U8","shape":[94906267,94906267],"data_offsets":[0,8]}}`, 8, "above 2^53"],
])("%s is a finding of severity error that says what and where", async (rule, json, dataBytes, words) => {
  const file = await readHeader(json, dataBytes);
  const finding = file.findings.find((one) => one.rule === `safetensors/${rule}`);
  expect(finding?.severity).toBe("error");
  expect(finding?.message).toContain(words);
  expect(finding?.offset).toBeGreaterThanOrEqual(8);
});

it("accepts what the reference accepts, with a note", async () => {
  expect(
    rules((await readHeader(` \n{${entry("", 0, 8, ',"note":[1.5e3,null,{"x":true}]')}}\t\r\n `, 8)).findings),
  ).toEqual(["leading-whitespace", "extra-field", "empty-name"]);
  const list = await readHeader('{"a":["F32",[2,2],[0,16]]}', 16);
  expect(rules(list.findings, "warning")).toEqual(["entry-is-list"]);
  expect(list.tensors[0]).toMatchObject({ name: "a", type: "F32", shape: [2, 2], sizeBytes: 16 });
});

it("names both places of a duplicate key and keeps the later", async () => {
  const json = `{${entry("a", 0, 4)},"\\u0061":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}`;
  const file = await readHeader(json, 4);
  expect(file.tensors.map(({ name, type }) => [name, type])).toEqual([["a", "I8"]]);
  expect(file.findings[0]).toMatchObject({ rule: "safetensors/duplicate-key", severity: "error" });
  expect(file.findings[0]?.message).toContain(`at bytes 9 and ${8 + json.indexOf('"\\u0061"')}`);
});

it("keeps the tensors before a syntax error, and throws when there are none", async () => {
  const json = `{${entry("a", 0, 4)},"b":{"dtype":"U8","shape":[4,],`;
  const file = await readHeader(json, 4);
  expect(file.tensors.map(({ name }) => name)).toEqual(["a"]);
  expect(file.error?.message).toContain("trailing comma");
  expect(file.error?.offset).toBe(8 + json.indexOf("4,]") + 2);
  await expect(readHeader('{"a" 1}')).rejects.toMatchObject({ code: "invalid", offset: 8 + 5 });
  await expect(readHeader("[]")).rejects.toThrow("not a JSON object but an array");
});

it("names the byte that is not UTF-8, and keeps the tensors before it", async () => {
  const json = `{${entry("a", 0, 4)},"bé":1}`;
  const bytes = assembleSafetensors(json, new Uint8Array(4));
  const at = bytes.indexOf(0xc3);
  bytes[at] = 0xff;
  const file = await read(bytes);
  expect(file.tensors).toHaveLength(1);
  expect(file.error?.message).toBe(`the header is not UTF-8: 0xff at byte ${at}`);
});

it("shows the tensors of a file whose header is cut, without calling the data missing too", async () => {
  const whole = assembleSafetensors(`{${entry("a", 0, 4)},${entry("b", 4, 8)}}`, new Uint8Array(8));
  const file = await read(whole.subarray(0, 80));
  expect(file.tensors.map(({ name }) => name)).toEqual(["a"]);
  expect(file.error).toMatchObject({ code: "truncated", offset: 80 });
  expect(file.findings).toEqual([]);
});

it("refuses a claimed header length before it reads or allocates by it", async () => {
  for (const [claim, code] of [
    [2n ** 64n - 1n, "limit"],
    [100_000_001n, "limit"],
    [100_000_000n, "truncated"],
  ] as const) {
    const bytes = assembleSafetensors("{}");
    new DataView(bytes.buffer).setBigUint64(0, claim, true);
    let asked = 0;
    const inner = memorySource("x.safetensors", bytes);
    const counting: ByteSource = {
      ...inner,
      read(offset, length) {
        asked = Math.max(asked, offset + length);
        return inner.read(offset, length);
      },
    };
    await expect(readSafetensors(counting)).rejects.toMatchObject({ code });
    expect(asked).toBeLessThanOrEqual(bytes.length);
  }
});

it("reads a small header in one request and a large one in two, never the data", async () => {
  const requestsFor = async (count: number): Promise<[number, number][]> => {
    const tensors = Array.from({ length: count }, (_, i) => ({
      name: `t${i}`,
      dtype: "U8",
      shape: [400],
      data: new Uint8Array(400),
    }));
    const bytes = writeSafetensors(tensors);
    const inner = memorySource("x.safetensors", bytes);
    const requests: [number, number][] = [];
    const file = await readSafetensors({
      ...inner,
      read(offset, length) {
        requests.push([offset, length]);
        return inner.read(offset, length);
      },
    });
    expect(file.tensors).toHaveLength(count);
    expect(file.findings).toEqual([]);
    return requests;
  };
  expect(await requestsFor(1000)).toEqual([[0, 131072]]);
  const [first, second, ...rest] = await requestsFor(4000);
  expect(rest).toEqual([]);
  expect(first).toEqual([0, 131072]);
  expect((second?.[0] ?? 0) + (second?.[1] ?? 0)).toBeLessThan(4000 * 80);
});

it("keeps a bounded list of findings, and counts the rest", async () => {
  const many = Array.from({ length: 500 }, (_, i) => entry(`t${i}`, 0, 4)).join(",");
  const { findings } = await readHeader(`{${many}}`, 4);
  expect(findings).toHaveLength(MAX_FINDINGS_PER_RULE + 1);
  expect(findings.at(-1)).toMatchObject({ rule: "safetensors/overlap", severity: "error" });
  expect(findings.at(-1)?.message).toContain("399 more");
});

it("stops when asked to", async () => {
  const source: ByteSource = {
    ...memorySource("x.safetensors", new Uint8Array(100)),
    async read(_offset, length, options) {
      options?.signal?.throwIfAborted();
      return new Uint8Array(length);
    },
  };
  await expect(readSafetensors(source, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
});

describe("a header of millions", () => {
  const utf8 = new TextEncoder();
  const read = (json: string) => readSafetensors(memorySource("x.safetensors", assembleSafetensors(utf8.encode(json))));

  it("stops at more metadata than any file needs", async () => {
    const entries = Array.from({ length: 100_001 }, (_, i) => `"${i}":""`).join(",");
    await expect(read(`{"__metadata__":{${entries}}}`)).rejects.toMatchObject({ code: "limit" });
  });

  it("stops at a shape that no tensor has, and keeps what came before", async () => {
    const ones = "1,".repeat(70_000);
    const file = await read(
      `{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[${ones}1],"data_offsets":[0,1]}}`,
    );
    expect(file.tensors.map(({ name }) => name)).toEqual(["a"]);
    expect(file.error).toMatchObject({ code: "limit" });
  });
});
