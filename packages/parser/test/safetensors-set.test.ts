import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeReal, expandHeads, listReal, readRealJson, realData } from "../../../test-support/real-data.ts";
import { chooseSafetensorsEntry, readSafetensorsSet } from "../src/checkpoint/read-safetensors-set.ts";
import { CheckpointError, type Finding } from "../src/errors.ts";
import { parseIndexJson } from "../src/safetensors/index-json.ts";
import { writeIndexJson, writeSafetensors } from "../src/safetensors/write.ts";
import { type FileSet, memoryFileSet } from "../src/source/byte-source.ts";

const rules = (findings: readonly Finding[]): string[] => findings.map(({ rule }) => rule.replace(/^.*\//, ""));
const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

/** Full-size sparse files of a folder; `hidden` names are left out. */
function folderSet(dir: string, hidden: readonly string[] = []): FileSet {
  return {
    label: basename(dir),
    async list() {
      const names = readdirSync(dir).filter((name) => !hidden.includes(name));
      return names.sort().map((name) => ({ name, sizeBytes: statSync(join(dir, name)).size }));
    },
    async open(name) {
      const path = join(dir, name);
      if (hidden.includes(name) || !existsSync(path))
        throw new CheckpointError("not-found", `no ${name}`, { file: name });
      const sizeBytes = statSync(path).size;
      const handle = openSync(path, "r");
      return {
        name: path,
        sizeBytes,
        async read(offset, length) {
          const bytes = new Uint8Array(Math.min(length, sizeBytes - offset));
          return bytes.subarray(0, readSync(handle, bytes, 0, bytes.length, offset));
        },
        async close() {
          closeSync(handle);
        },
      };
    },
  };
}

interface ShardRow {
  readonly file: string;
  readonly size: number;
  readonly header_bytes: number;
  readonly tensors: number;
}

describeReal("sets of published models", () => {
  describe.each([
    ["Devstral-Small-2507", "MistralForCausalLM"],
    ["Reflection-Llama-3.1-70B", "LlamaForCausalLM"],
  ])("%s", (model, architecture) => {
    let dir = "";
    let remove = (): void => {};
    beforeAll(() => {
      ({ dir, remove } = expandHeads(`safetensors-headers/${model}`));
    });
    afterAll(() => remove());
    const rows = (): ShardRow[] => readRealJson<ShardRow[]>("safetensors-headers", model, "SHARDS.json");
    const totalSize = (): number =>
      readRealJson<{ metadata: { total_size: number } }>("safetensors-headers", model, "model.safetensors.index.json")
        .metadata.total_size;

    it("is read whole through its index", async () => {
      const files = folderSet(dir);
      const entry = chooseSafetensorsEntry((await files.list()).map(({ name }) => name)) as string;
      expect(entry).toBe("model.safetensors.index.json");
      const checkpoint = await readSafetensorsSet(files, entry);
      const facts = checkpoint.parts.map((part) => [part.name, part.sizeBytes, part.headerBytes - 8, part.tensorCount]);
      expect(facts).toEqual(rows().map((row) => [row.file, row.size, row.header_bytes, row.tensors]));
      expect(sum(checkpoint.tensors.map(({ sizeBytes }) => sizeBytes))).toBe(totalSize());
      expect(checkpoint.findings).toEqual([]);
      expect(checkpoint.shards).toEqual({
        declaredParts: rows().length,
        missing: [],
        declaredTensors: checkpoint.tensors.length,
      });
      expect(checkpoint.config?.json.architectures).toEqual([architecture]);
      expect(checkpoint.metadata[0]).toEqual({ key: "format", type: "string", value: "pt", part: 0 });
    });

    it("is the same through any shard, with the index or without", async () => {
      const whole = await readSafetensorsSet(folderSet(dir), "model.safetensors.index.json");
      const shard = rows()[3]?.file as string;
      for (const hidden of [[], ["model.safetensors.index.json"]]) {
        const set = await readSafetensorsSet(folderSet(dir, hidden), shard);
        expect(set.label).toBe(hidden.length > 0 ? shard : "model.safetensors.index.json");
        expect(set.parts).toEqual(whole.parts);
        expect(set.tensors).toEqual(whole.tensors);
        expect(set.findings).toEqual([]);
      }
    });

    it("is shown without a shard that is missing, and says which", async () => {
      const gone = rows()[1] as ShardRow;
      for (const hidden of [[gone.file], [gone.file, "model.safetensors.index.json"]]) {
        const set = await readSafetensorsSet(folderSet(dir, hidden), rows()[0]?.file as string);
        expect(set.parts).toHaveLength(rows().length - 1);
        expect(set.tensors).toHaveLength(sum(rows().map(({ tensors }) => tensors)) - gone.tensors);
        expect(set.shards).toMatchObject({ declaredParts: rows().length, missing: [gone.file] });
        expect(set.findings).toMatchObject([{ rule: "safetensors/missing-shard", severity: "error", part: gone.file }]);
      }
    });
  });

  it.each(listReal("hf-heads"))("%s has the tensors and elements of its release", async (model) => {
    const [head] = readRealJson<{ head: string; full_bytes: number; n_tensors: number; n_elements: number }[]>(
      "hf-heads",
      model,
      "HEADS.json",
    );
    const { dir, remove } = expandHeads(`hf-heads/${model}`);
    try {
      const checkpoint = await readSafetensorsSet(folderSet(dir), "model.safetensors");
      expect(checkpoint.tensors).toHaveLength(head?.n_tensors ?? 0);
      expect(sum(checkpoint.tensors.map(({ elements }) => elements))).toBe(head?.n_elements);
      expect(checkpoint.parts[0]?.sizeBytes).toBe(head?.full_bytes);
      expect(checkpoint.findings.filter(({ severity }) => severity === "error")).toEqual([]);
      const config: unknown = JSON.parse(readFileSync(realData("hf-heads", model, "config.json"), "utf8"));
      expect(checkpoint.config).toEqual({ file: "config.json", json: config });
    } finally {
      remove();
    }
  });

  it.each(listReal("safetensors-headers", "index-only"))("the index of %s reads as JSON.parse reads it", (model) => {
    const name = "model.safetensors.index.json";
    const bytes = readFileSync(realData("safetensors-headers", "index-only", model, name));
    const json = JSON.parse(bytes.toString()) as {
      metadata: { total_size: number };
      weight_map: Record<string, string>;
    };
    const index = parseIndexJson(bytes, name);
    expect([...index.weightMap]).toEqual(Object.entries(json.weight_map));
    expect(index.shards).toEqual([...new Set(Object.values(json.weight_map))].sort());
    expect(index.metadata).toEqual(json.metadata);
    expect(index.totalSize).toBe(json.metadata.total_size);
    expect(index.findings).toEqual([]);
  });
});

describe("a set", () => {
  const file = (...names: string[]): Uint8Array =>
    writeSafetensors(names.map((name) => ({ name, dtype: "U8", shape: [4], data: new Uint8Array(4) })));
  const one = "m-00001-of-00002.safetensors";
  const two = "m-00002-of-00002.safetensors";
  const index = (shards: Record<string, string[]>, metadata: Record<string, number> = {}): Uint8Array =>
    writeIndexJson(
      Object.entries(shards).map(([name, tensors]) => ({
        name,
        tensors: tensors.map((tensor) => ({ name: tensor, sizeBytes: 4 })),
      })),
      metadata,
    );
  const open = (files: Record<string, Uint8Array>, entry: string) =>
    readSafetensorsSet(memoryFileSet("set", files), entry);

  it("is checked against its index", async () => {
    const files = {
      [one]: file("a", "b", "twice"),
      [two]: file("c", "twice", "extra"),
      "m.safetensors.index.json": index({ [one]: ["a", "c", "twice"], [two]: ["b", "nowhere"] }),
    };
    const set = await open(files, two);
    expect(set.tensors.map(({ name, part }) => [name, part])).toEqual([
      ["a", 0],
      ["b", 0],
      ["twice", 0],
      ["c", 1],
      ["extra", 1],
    ]);
    expect(set.findings.map(({ rule, tensor }) => [rule.replace(/^.*\//, ""), tensor])).toEqual([
      ["tensor-in-two-shards", "twice"],
      ["wrong-shard", "b"],
      ["wrong-shard", "c"],
      ["not-in-shards", "nowhere"],
      ["not-in-index", "extra"],
      ["total-size", undefined],
    ]);
  });

  /** What is said of files whose tensors are `held`, by an index that places them as `listed` says. */
  const mixed = async (held: Record<string, string[]>, listed: Record<string, string[]>, total?: number) => {
    const name = "m.safetensors.index.json";
    const files = Object.fromEntries(Object.entries(held).map(([shard, names]) => [shard, file(...names)]));
    const set = await open({ ...files, [name]: index(listed, total === undefined ? {} : { total_size: total }) }, name);
    return set.findings.map(({ rule, message, tensor }) => ({ rule: rule.replace(/^.*\//, ""), message, tensor }));
  };
  const numbered = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${prefix}${i}`);
  const [as, bs, others] = [numbered("a", 8), numbered("b", 5), numbered("x", 6)];

  it("has one finding for two files that were exchanged", async () => {
    expect(await mixed({ [one]: bs, [two]: as }, { [one]: as, [two]: bs })).toEqual([
      {
        rule: "wrong-shard",
        message: `the files "${one}" and "${two}" are exchanged: the first holds all 5 tensors that the index places in the second, and the second all 8 of the first`,
        tensor: "a0",
      },
    ]);
  });

  it("has one finding for the tensors of one file that stand in another", async () => {
    const found = await mixed({ [one]: as.slice(4), [two]: [...bs, ...as.slice(0, 4)] }, { [one]: as, [two]: bs });
    expect(found).toEqual([
      {
        rule: "wrong-shard",
        message: `4 tensors that the index places in "${one}" stand in "${two}": "a0", "a1", "a2" and 1 more`,
        tensor: "a0",
      },
    ]);
  });

  it("says that a file is a copy of another", async () => {
    for (const [copy, original, lost] of [
      [two, one, bs],
      [one, two, as],
    ] as const) {
      const held = original === one ? as : bs;
      const found = await mixed({ [one]: [...held], [two]: [...held] }, { [one]: as, [two]: bs }, 4 * 13);
      expect(found.map(({ rule }) => rule)).toEqual(["tensor-in-two-shards", "not-in-shards"]);
      expect(found[0]?.message).toContain(`all ${held.length} tensors of "${two}" stand in "${one}", too`);
      expect(found[1]?.message).toContain(`"${copy}" holds tensors of "${original}" in place of the ${lost.length}`);
    }
  });

  it("says that the index is of another model, or one file of it", async () => {
    const index = await mixed({ [one]: others, [two]: ["y"] }, { [one]: as, [two]: bs }, 4 * 13);
    expect(index.map(({ rule }) => rule)).toEqual(["not-in-shards"]);
    expect(index[0]?.message).toBe(
      "13 of the 13 tensors that the index places in these files are in none of them, and 7 tensors of the files are not in it: it is the index of another model, or of another version",
    );
    const shard = await mixed({ [one]: as, [two]: others }, { [one]: as, [two]: bs }, 4 * 13);
    expect(shard.map(({ rule }) => rule)).toEqual(["not-in-shards"]);
    expect(shard[0]?.message).toContain(`"${two}" is of another model`);
  });

  it("says that the index is of another version, where most tensors stand elsewhere", async () => {
    const held = { [one]: [...bs, ...as.slice(0, 1)], [two]: as.slice(1) };
    const found = await mixed(held, { [one]: as, [two]: [...bs.slice(1)], "m-3.safetensors": bs.slice(0, 1) });
    expect(found.map(({ rule }) => rule)).toEqual(["missing-shard", "wrong-shard"]);
    expect(found[1]?.message).toContain("12 of the 13 tensors that the index places stand in other files");
    expect(found[1]?.message).toContain("the index of another version");
  });

  it("counts what it doesn't list where very many files are mixed up", async () => {
    const name = (i: number): string => `m-${String(i).padStart(5, "0")}-of-00300.safetensors`;
    const held: Record<string, string[]> = {};
    const listed: Record<string, string[]> = {};
    for (let i = 1; i <= 300; i++) {
      held[name(i)] = [`t${i}`, `u${i}`, `v${i}`, `extra${i}`];
      listed[name(i)] = [`t${i}`, `u${i}`, `v${i}`, `lost${i}`];
    }
    const found = await mixed(held, listed);
    for (const rule of ["not-in-shards", "not-in-index"]) {
      const of = found.filter((finding) => finding.rule === rule);
      expect(of).toHaveLength(100);
      expect(of.at(-1)?.message).toMatch(/^201 more tensors /);
    }
  });

  it("shows the other shards when one is broken, and names it", async () => {
    const broken = new TextEncoder().encode("<!doctype html>");
    const set = await open({ [one]: file("a"), [two]: broken }, one);
    expect(set.tensors.map(({ name }) => name)).toEqual(["a"]);
    expect(set.findings).toMatchObject([{ rule: "safetensors/unreadable-shard", severity: "error", part: two }]);
    expect(set.shards).toEqual({ declaredParts: 2, missing: [] });
    await expect(open({ "x.safetensors": broken }, "x.safetensors")).rejects.toThrow("an HTML page");
  });

  it("shows what was read of a file that breaks off, alone or in a set", async () => {
    const cut = file("a", "b").subarray(0, 80);
    const alone = await open({ "x.safetensors": cut }, "x.safetensors");
    expect(alone.tensors.map(({ name }) => name)).toEqual(["a"]);
    expect(alone.error).toMatchObject({ code: "truncated" });
    const set = await open({ [one]: cut, [two]: file("c") }, one);
    expect(set.error).toBeUndefined();
    expect(set.tensors.map(({ name }) => name)).toEqual(["a", "c"]);
    expect(set.findings).toMatchObject([{ rule: "safetensors/unreadable-shard", part: one }]);
    expect(set.findings[0]?.why).toBe("1 tensor of it was read; those after the cut are missing from every count here");
  });

  it("takes names and total_size from a variant's index", async () => {
    const name = "m.safetensors.index.fp16.json";
    const shard = "m.fp16-00001-of-00001.safetensors";
    const set = await open({ [shard]: file("a"), [name]: index({ [shard]: ["a"] }, { total_size: 5 }) }, name);
    expect(set.parts.map((part) => part.name)).toEqual([shard]);
    expect(set.findings[0]?.message).toContain("total_size 5, the tensors of its files take 4 bytes");
  });

  it("leaves a file that no index lists alone", async () => {
    const files = {
      "adapter_model.safetensors": file("lora"),
      [one]: file("a"),
      "m.safetensors.index.json": index({ [one]: ["a"] }),
    };
    const alone = await open(files, "adapter_model.safetensors");
    expect(alone.tensors.map(({ name }) => name)).toEqual(["lora"]);
    expect(alone.shards).toBeUndefined();
  });

  it("opens a set by its names when the index is broken, and says so", async () => {
    const files = { [one]: file("a"), [two]: file("b"), "m.safetensors.index.json": new TextEncoder().encode("{") };
    const set = await open(files, one);
    expect(set.parts).toHaveLength(2);
    expect(rules(set.findings)).toEqual(["bad-index"]);
    await expect(open(files, "m.safetensors.index.json")).rejects.toBeInstanceOf(CheckpointError);
  });

  it("never opens what an index must not name", async () => {
    const opened: string[] = [];
    const inner = memoryFileSet("set", {
      "i.safetensors.index.json": index({ "../secret.safetensors": ["a"], "../../etc/passwd": ["c"], [one]: ["b"] }),
      [one]: file("b", "c"),
    });
    const set = await readSafetensorsSet(
      {
        ...inner,
        open(name) {
          opened.push(name);
          return inner.open(name);
        },
      },
      "i.safetensors.index.json",
    );
    expect(opened.sort()).toEqual(["i.safetensors.index.json", one]);
    expect(rules(set.findings)).toEqual(["unsafe-shard-name", "unsafe-shard-name"]);
    for (const { message } of set.findings) expect(message).toContain("leaves its folder");
  });

  it("doesn't make a million names of a number in a file name", async () => {
    const name = "m-000001-of-999999.safetensors";
    const set = await open({ [name]: file("a") }, name);
    expect(set.tensors).toHaveLength(1);
    expect(rules(set.findings)).toEqual(["shard-number"]);
  });

  it.each([
    ["not json", "is not JSON"],
    ['{\n "a": \u202e\n}', "is not JSON"],
    ["[1]", "is not a JSON object"],
  ])("reads on with a warning when config.json is %s", async (config, words) => {
    const set = await open(
      { "x.safetensors": file("a"), "config.json": new TextEncoder().encode(config) },
      "x.safetensors",
    );
    expect(set.config).toBeUndefined();
    expect(set.findings).toMatchObject([{ rule: "safetensors/bad-config", severity: "warning" }]);
    expect(set.findings[0]?.message).toContain(words);
    expect(set.findings[0]?.message).not.toMatch(/[\n\u202e]/);
  });

  it("says that a file is not there", async () => {
    await expect(open({}, "x.safetensors")).rejects.toMatchObject({ code: "not-found" });
    const name = "m.safetensors.index.json";
    await expect(open({ [name]: index({ [one]: ["a"] }) }, name)).rejects.toThrow(
      "the one file that it names isn't there",
    );
  });

  it("stops when asked to", async () => {
    const signal = AbortSignal.abort();
    const files = memoryFileSet("set", { [one]: file("a"), [two]: file("b") });
    await expect(readSafetensorsSet(files, one, { signal })).rejects.toMatchObject({ name: "AbortError" });
  });
});

it.each([
  [["model.safetensors", "model.safetensors.index.json"], "model.safetensors.index.json"],
  [["a.safetensors.index.json", "model.safetensors"], "a.safetensors.index.json"],
  [["adapter_model.safetensors", "model.safetensors", "x.safetensors"], "model.safetensors"],
  [
    ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"],
    "diffusion_pytorch_model.safetensors",
  ],
  [["x.safetensors", "config.json"], "x.safetensors"],
  [["m_00002-of-00072.safetensors", "m_00001-of-00072.safetensors", "a.safetensors"], "m_00001-of-00072.safetensors"],
  [["consolidated.safetensors", "x.safetensors"], "x.safetensors"],
  [
    ["consolidated-00001-of-00002.safetensors", "consolidated-00002-of-00002.safetensors"],
    "consolidated-00001-of-00002.safetensors",
  ],
  [["consolidated.safetensors"], "consolidated.safetensors"],
  [["model.gguf", "config.json"], undefined],
])("chooses of %j", (names, expected) => {
  expect(chooseSafetensorsEntry(names)).toBe(expected);
});
