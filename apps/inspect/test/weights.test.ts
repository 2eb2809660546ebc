/**
 * `inspect check --weights`: what is wrong with the values is found wherever it stands, what couldn't be read is said, a known
 * sha256 is compared, and nothing is written to a terminal that isn't there.
 */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";

import {
  assembleSafetensors,
  type Finding,
  type GgufWriteTensor,
  openCheckpoint,
  writeGguf,
  writeIndexJson,
  writeSafetensors,
} from "@checkpoint-inspect/parser";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { parseChecksums } from "../src/weights/known-hashes.ts";
import { planReading } from "../src/weights/plan.ts";
import { duration } from "../src/weights/progress.ts";
import { scanWeights } from "../src/weights/scan-weights.ts";
import type { WeightsReport } from "../src/weights/weights-report.ts";
import { inspect } from "./run-inspect.ts";

const root = mkdtempSync(join(tmpdir(), "checkpoint-inspect-weights-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

/** Files in a folder of their own. */
function write(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = join(root, String(folders++));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** @param meanwhile what happens between opening and reading */
async function scan(target: string, meanwhile: () => void = () => {}): Promise<WeightsReport> {
  const checkpoint = await openCheckpoint(target);
  try {
    meanwhile();
    return await scanWeights(target, checkpoint, { progress: false });
  } finally {
    await checkpoint.close();
  }
}

const rules = ({ findings }: { readonly findings: readonly Finding[] }): string[] => findings.map(({ rule }) => rule);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const F16 = 1;
const Q8_0 = 8;
const Q4_K = 12;

/** Ones, in half precision; and scales of one, as 0x3c3c is about that. */
const sound = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0x3c);

const metadata = [{ key: "general.architecture", type: "string", value: "llama" } as const];

/** Rows of 256, by type. */
const ROW_BYTES: Readonly<Record<number, number>> = { [F16]: 512, [Q8_0]: 272, [Q4_K]: 144 };

function tensor(name: string, type: number, rows: number): GgufWriteTensor & { readonly data: Uint8Array } {
  return { name, type, shape: [256, rows], data: sound(rows * (ROW_BYTES[type] ?? 0)) };
}

function gguf(tensors: readonly GgufWriteTensor[], byteOrder: "little" | "big" = "little"): Uint8Array {
  return writeGguf({ metadata, tensors, byteOrder });
}

const model = () => [
  tensor("token_embd.weight", F16, 64),
  tensor("blk.0.ffn_up.weight", Q4_K, 64),
  tensor("blk.0.ffn_down.weight", Q8_0, 64),
];

describe("values", () => {
  it("that are sound lead to no finding, and to what was read", async () => {
    const folder = write({ "x.gguf": gguf(model()) });
    const report = await scan(join(folder, "x.gguf"));
    expect(report.findings).toEqual([]);
    expect(report.tensors).toEqual({ looked: 3, alwaysFinite: 0, notRead: 0, notLookedAt: 0 });
    expect(report.bytesRead).toBe(64 * (512 + 144 + 272));
    expect(report.parts).toEqual([{ name: "x.gguf", bytesRead: report.bytesRead }]);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(report.words[0]).toContain("the values of 3 tensors were looked at");
  });

  it.each(["little", "big"] as const)("that are not are found in a %s-endian file", async (byteOrder) => {
    const [embedding, up, down] = model();
    if (!embedding || !up || !down) throw new Error("three tensors");
    const half = (high: number) => (byteOrder === "little" ? [0, high] : [high, 0]);
    embedding.data.set(half(0x7e), 2 * 1000);
    up.data.set(half(0xfc), 144 * 17 + 2);
    down.data.set(half(0x7e), 272 * 63);
    const folder = write({ "x.gguf": gguf([embedding, up, down], byteOrder) });
    const { findings } = await scan(join(folder, "x.gguf"));
    expect(findings.map(({ rule, tensor: name }) => [rule, name])).toEqual([
      ["weights/nan", "token_embd.weight"],
      ["weights/infinite-scale", "blk.0.ffn_up.weight"],
      ["weights/nan-scale", "blk.0.ffn_down.weight"],
    ]);
    expect(findings[0]?.message).toContain("element 1,000 at [3, 232]");
    expect(findings[1]?.message).toContain("dmin (0xfc00) of block 17, elements 4,352 to 4,607");
    expect(findings[2]?.message).toContain("d (0x7e00) of block 504");
    // The byte that the finding names is that of the value.
    const bytes = readFileSync(join(folder, "x.gguf"));
    expect([...bytes.subarray(findings[0]?.offset, (findings[0]?.offset ?? 0) + 2)]).toEqual(half(0x7e));
  });

  it("are found in every part of a set", async () => {
    const bad = new Uint8Array(new Float32Array([1, 2, Number.NaN, 4]).buffer);
    const shards = ["a.weight", "b.weight"].map((name, i) => ({
      name: `model-0000${i + 1}-of-00002.safetensors`,
      tensors: [{ name, sizeBytes: 16 }],
      bytes: writeSafetensors([{ name, dtype: "F32", shape: [2, 2], data: bad }]),
    }));
    const folder = write({
      "model.safetensors.index.json": writeIndexJson(shards),
      ...Object.fromEntries(shards.map(({ name, bytes }) => [name, bytes])),
    });
    const { findings } = await scan(folder);
    expect(findings.map(({ rule, part }) => [rule, part])).toEqual(shards.map(({ name }) => ["weights/nan", name]));
  });

  it("of a tensor that is cut off are looked at as far as they are there", async () => {
    const [embedding] = model();
    if (!embedding) throw new Error("a tensor");
    embedding.data.set([0, 0x7e], 20);
    const bytes = gguf([embedding]);
    const folder = write({ "x.gguf": bytes.subarray(0, bytes.length - 1000) });
    const report = await scan(join(folder, "x.gguf"));
    expect(rules(report)).toEqual(["weights/nan"]);
    expect(report.tensors).toMatchObject({ looked: 0, notRead: 1 });
  });

  it("that are zero throughout are a warning, also where nothing was ever written", async () => {
    const name = "blk.0.ffn_up.weight";
    const folder = write({ "x.gguf": gguf([{ name, type: Q4_K, shape: [256, 64] }, tensor("output.weight", F16, 4)]) });
    const { findings } = await scan(join(folder, "x.gguf"));
    expect(findings.map(({ rule, severity, tensor: own }) => [rule, severity, own])).toEqual([
      ["weights/all-zero", "warning", name],
    ]);
  });
});

describe("reading", () => {
  it("says that a file became shorter", async () => {
    const path = join(write({ "x.gguf": gguf(model()) }), "x.gguf");
    const report = await scan(path, () => truncateSync(path, 20_000));
    expect(rules(report)).toEqual(["weights/file-shrank"]);
    expect(report.findings[0]?.message).toContain("x.gguf ended at byte 20,000 while it was read");
    expect(report.tensors).toMatchObject({ looked: 0, notRead: 3 });
  });

  it("says that a file is gone, and reads the others", async () => {
    const shards = ["a", "b"].map((name, i) => ({
      name: `model-0000${i + 1}-of-00002.safetensors`,
      tensors: [{ name, sizeBytes: 16 }],
      bytes: writeSafetensors([{ name, dtype: "F32", shape: [2, 2], data: sound(16) }]),
    }));
    const folder = write({
      "model.safetensors.index.json": writeIndexJson(shards),
      ...Object.fromEntries(shards.map(({ name, bytes }) => [name, bytes])),
    });
    const report = await scan(folder, () => rmSync(join(folder, shards[0]?.name ?? "")));
    expect(rules(report)).toEqual(["weights/unreadable"]);
    expect(report.findings[0]?.message).toContain("can't be read from byte 0 on: the file is gone (ENOENT)");
    expect(report.tensors).toMatchObject({ looked: 1, notRead: 1 });
  });

  it("doesn't read a range as often as a header asks for", async () => {
    const entries = Array.from(
      { length: 5000 },
      (_, i) => `"t${i}":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}`,
    );
    const file = assembleSafetensors(`{${entries.join(",")}}`, sound(4000));
    const report = await scan(join(write({ "model.safetensors": file }), "model.safetensors"));
    expect(report.bytesRead).toBeLessThan(file.length * 2);
    expect(report.tensors.looked).toBeGreaterThan(1);
    expect(report.tensors.looked + report.tensors.notRead).toBe(5000);
  });

  it("takes every byte of every tensor once, in whole blocks, however large they are", async () => {
    const sizes = fc.array(
      fc.record({ type: fc.constantFrom(F16, Q8_0, Q4_K), rows: fc.integer({ min: 1, max: 2e6 }) }),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    const empty = await openCheckpoint(join(write({ "x.gguf": gguf(model()) }), "x.gguf"));
    await empty.close();
    fc.assert(
      fc.property(sizes, fc.boolean(), (tensors, hash) => {
        let offset = 4096;
        const declared = tensors.map(({ type, rows }, i) => {
          const sizeBytes = rows * (ROW_BYTES[type] ?? 0);
          const names: Readonly<Record<number, string>> = { [F16]: "F16", [Q8_0]: "Q8_0", [Q4_K]: "Q4_K" };
          const own = {
            name: `t${i}`,
            shape: [rows, 256],
            type: names[type] ?? "",
            elements: rows * 256,
            sizeBytes,
            part: 0,
            offset,
          };
          offset += sizeBytes;
          return own;
        });
        const parts = [{ name: "x.gguf", sizeBytes: offset, headerBytes: 4096, tensorCount: tensors.length }];
        const plan = planReading({ ...empty, parts, tensors: declared }, () => "x.gguf", new Set(hash ? [0] : []));
        const next = declared.map(() => 0);
        for (const { pieces } of plan.jobs) {
          for (const piece of pieces) {
            expect(piece.at).toBe(next[piece.tensor]);
            expect(piece.offset).toBe((declared[piece.tensor]?.offset ?? 0) + piece.at);
            expect(piece.at % (piece.check.kind === "scales" ? piece.check.unitBytes : 2)).toBe(0);
            next[piece.tensor] = piece.at + piece.length;
          }
        }
        expect(next).toEqual(declared.map(({ sizeBytes }) => sizeBytes));
        expect(plan.bytes).toBe(hash ? offset : offset - 4096);
      }),
      { numRuns: 40 },
    );
  });
});

describe("hashes", () => {
  const bytes = gguf(model());
  const hash = sha256(bytes);
  const other = sha256(Uint8Array.of(1));

  it.each([
    ["SHA256SUMS", `${other}  y.gguf\n${hash}  x.gguf\n`],
    ["sha256sums.txt", `${hash.toUpperCase()} *./x.gguf\r\n`],
    ["x.gguf.sha256", `${hash}\n`],
    ["CHECKSUMS.sha256", `SHA256 (x.gguf) = ${hash}\n`],
  ])("are compared with %s", async (list, text) => {
    const folder = write({ "x.gguf": bytes, [list]: text });
    const report = await scan(join(folder, "x.gguf"));
    expect(report.findings).toEqual([]);
    expect(report.parts[0]?.sha256).toEqual({ expected: hash, actual: hash, from: list, matches: true });
    expect(report.words).toContain(`sha256: x.gguf matches ${list}`);
    expect(report.bytesRead).toBe(bytes.length);
  });

  it("are compared with the name of the blob in a Hugging Face cache, which a link leads to", async () => {
    const folder = write({ [`blobs/${hash}`]: bytes, [`blobs/${other}`]: bytes, "snapshots/c/config.json": "{}" });
    for (const [name, blob] of [
      ["good.gguf", hash],
      ["bad.gguf", other],
    ] as const) {
      symlinkSync(`../../blobs/${blob}`, join(folder, "snapshots/c", name));
    }
    expect((await scan(join(folder, "snapshots/c/good.gguf"))).parts[0]?.sha256?.matches).toBe(true);
    const { findings } = await scan(join(folder, "snapshots/c/bad.gguf"));
    expect(findings.map(({ rule, severity }) => [rule, severity])).toEqual([["weights/hash-mismatch", "error"]]);
    expect(findings[0]?.message).toContain(hash);
    expect(findings[0]?.message).toContain(other);
  });

  it("are compared with the note of a download into a folder", async () => {
    const note = ".cache/huggingface/download/x.gguf.metadata";
    const folder = write({ "x.gguf": bytes, [note]: `${"c".repeat(40)}\n${hash}\n1700000000.0\n` });
    expect((await scan(join(folder, "x.gguf"))).parts[0]?.sha256).toMatchObject({ matches: true });
  });

  it("that no one knows are not made up", async () => {
    const lists = { SHA256SUMS: `${other}  y.gguf\nnot a hash  x.gguf\n`, "x.gguf.sha1": "abc" };
    const { parts } = await scan(join(write({ "x.gguf": bytes, ...lists }), "x.gguf"));
    expect(parts[0]).not.toHaveProperty("sha256");
  });

  it("never fail on any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const [, found] of parseChecksums(text, "x.sha256")) expect(found).toMatch(/^[0-9a-f]{64}$/);
      }),
    );
  });
});

/** Two files of these are more than is hashed without threads. */
const LARGE = 2500;

describe("the command", () => {
  it("reads in threads and finds what is planted, with the hash of every file", async () => {
    const shards = ["first", "second"].map((name, i) => {
      const data = sound(LARGE * LARGE * 2);
      data.set([0, 0x7e], 2 * 5_000_000 + 2 * i);
      const bytes = writeSafetensors([{ name: `${name}.weight`, dtype: "F16", shape: [LARGE, LARGE], data }]);
      const file = `model-0000${i + 1}-of-00002.safetensors`;
      return { name: file, tensors: [{ name: `${name}.weight`, sizeBytes: data.length }], bytes };
    });
    const folder = write({
      "model.safetensors.index.json": writeIndexJson(shards),
      ...Object.fromEntries(shards.map(({ name, bytes }) => [name, bytes])),
      SHA256SUMS: shards.map(({ name, bytes }) => `${sha256(bytes)}  ${name}\n`).join(""),
    });
    const { stdout, stderr, code } = await inspect(["check", "--weights", "--json", folder]);
    const { findings, checkpoints } = JSON.parse(stdout);
    const own = findings.filter(({ rule }: Finding) => rule.startsWith("weights/"));
    expect(own.map(({ message }: Finding) => message)).toEqual([
      '"first.weight" (F16): 1 of 6,250,000 values is NaN; the first is element 5,000,000 at [2,000, 0], 0x7e00',
      '"second.weight" (F16): 1 of 6,250,000 values is NaN; the first is element 5,000,001 at [2,000, 1], 0x7e00',
    ]);
    expect(code).toBe(1);
    expect(stderr).toBe("");
    const { weights } = checkpoints[0];
    expect(weights.parts.map((part: WeightsReport["parts"][number]) => part.sha256?.matches)).toEqual([true, true]);
    expect(weights.bytesRead).toBe(shards.reduce((sum, { bytes }) => sum + bytes.length, 0));
    expect(weights.threads > 1).toBe(availableParallelism() > 1);
  });

  it("says in words what it read", async () => {
    const folder = write({ "x.gguf": gguf(model()) });
    const { stdout, stderr } = await inspect(["check", "--weights", join(folder, "x.gguf")]);
    expect(stdout).toMatch(/weights: .* read in .*; the values of 3 tensors were looked at/);
    expect(stderr).toBe("");
  });
});

describe("time left", () => {
  it("is in words that fit a line", () => {
    expect([0.2, 59, 75, 3600, 7384].map(duration)).toEqual(["1 s", "59 s", "1:15 min", "1:00 h", "2:03 h"]);
  });
});
