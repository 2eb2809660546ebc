/** `inspect audit` against a loopback Hub: every planted fault is found, a sound repo passes, and a long list can be interrupted. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finding, type GgufInput, ggufDataSize, writeGgufHeader } from "@checkpoint-inspect/parser";
import { Ajv } from "ajv";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { repoOf } from "../../../../test-support/fake-hub/fake-hub.mjs";
import { FIXTURES } from "../run-inspect.ts";
import { type HubRuns, hubRuns, start } from "./hub-runs.ts";

const MODEL = join(FIXTURES, "llama-tiny-safetensors");
const TOKEN = "hf_test";
const REPOS = 300;

type Json = Record<string, unknown>;

const fileOf = (name: string) => ({ file: join(MODEL, name) });
const SHARDS = [1, 2, 3].map((number) => `model-0000${number}-of-00003.safetensors`);
const [FIRST = "", SECOND = "", THIRD = ""] = SHARDS;
const INDEX = "model.safetensors.index.json";
const config = JSON.parse(readFileSync(join(MODEL, "config.json"), "utf8")) as Json;
const index = JSON.parse(readFileSync(join(MODEL, INDEX), "utf8")) as { metadata: Json; weight_map: Json };

/** What the Hub says of a repo that is well kept. */
const KEPT = {
  cardData: { license: "apache-2.0", library_name: "transformers", pipeline_tag: "text-generation" },
  tags: ["license:apache-2.0", "transformers"],
  library_name: "transformers",
  pipeline_tag: "text-generation",
  securityRepoStatus: { scansDone: true, filesWithIssues: [] },
};

const SOUND = {
  "README.md": "# A model",
  LICENSE: "Apache License, Version 2.0",
  "config.json": fileOf("config.json"),
  "generation_config.json": "{}",
  "tokenizer.json": JSON.stringify({ model: { vocab: { a: 0, b: 1 } }, added_tokens: [] }),
  "tokenizer_config.json": "{}",
  [INDEX]: fileOf(INDEX),
  ...Object.fromEntries(SHARDS.map((name) => [name, fileOf(name)])),
};

const PLANTED = {
  ...SOUND,
  "config.json": JSON.stringify({
    ...config,
    vocab_size: 2 * (config.vocab_size as number),
    auto_map: { AutoModel: "modeling_own.OwnModel" },
  }),
  "modeling_own.py": "class OwnModel: pass",
  "tokenizer_config.json": JSON.stringify({ chat_template: "{{ ''.__class__.__mro__[1].__subclasses__() }}" }),
  "pytorch_model.bin": "PK\u0003\u0004 a pickle",
  "model-00004-of-00004.safetensors": fileOf(THIRD),
  [INDEX]: JSON.stringify({
    ...index,
    metadata: { ...index.metadata, total_size: (index.metadata.total_size as number) + 1000 },
  }),
  // A second set, of which a shard is missing.
  "instruct/config.json": fileOf("config.json"),
  [`instruct/${INDEX}`]: fileOf(INDEX),
  [`instruct/${FIRST}`]: fileOf(FIRST),
  [`instruct/${THIRD}`]: fileOf(THIRD),
};

/** A file called Q8_0 whose matrices are Q4_K: large enough for its label to mean something, its data a hole. */
function mislabelled(path: string): string {
  const matrix = (name: string, rows: number, columns: number) => ({ name, type: 12, shape: [rows, columns] });
  const layers = [0, 1].flatMap((i) => [
    ...["q", "k", "v", "output"].map((part) => matrix(`blk.${i}.attn_${part}.weight`, 1024, 1024)),
    ...["gate", "up"].map((part) => matrix(`blk.${i}.ffn_${part}.weight`, 1024, 2048)),
    matrix(`blk.${i}.ffn_down.weight`, 2048, 1024),
  ]);
  const input: GgufInput = {
    metadata: [
      { key: "general.architecture", type: "string", value: "llama" },
      { key: "llama.block_count", type: "u32", value: 2 },
      { key: "llama.embedding_length", type: "u32", value: 1024 },
    ],
    tensors: [
      matrix("token_embd.weight", 1024, 256),
      ...layers,
      { name: "output_norm.weight", type: 0, shape: [1024] },
    ],
  };
  const header = writeGgufHeader(input);
  writeFileSync(path, header);
  truncateSync(path, header.length + ggufDataSize(input));
  return path;
}

let runs: HubRuns;
let own: string;
beforeAll(async () => {
  own = mkdtempSync(join(tmpdir(), "checkpoint-inspect-audit-"));
  const file = mislabelled(join(own, "model-Q8_0.gguf"));
  runs = await hubRuns({
    tokens: [TOKEN],
    repos: {
      "org/sound": repoOf(SOUND, { info: KEPT }),
      "org/planted": repoOf({ ...PLANTED, "gguf/model-Q8_0.gguf": { file } }, { info: KEPT }),
      "org/gated": repoOf(SOUND, { info: KEPT, gated: "manual", accepted: [TOKEN] }),
      "org/unsafe": repoOf(SOUND, {
        info: { ...KEPT, securityRepoStatus: { scansDone: true, filesWithIssues: [{ path: FIRST, level: "unsafe" }] } },
      }),
      ...Object.fromEntries(
        Array.from({ length: REPOS }, (_, i) => [
          `list/model-${i}`,
          repoOf({ ...SOUND, "README.md": `# Model ${i}` }, { info: KEPT }),
        ]),
      ),
    },
  });
});
beforeEach(() => {
  runs.hub.clearFaults();
  runs.hub.reset();
});
afterAll(async () => {
  await runs.end();
  rmSync(own, { recursive: true, force: true });
});

interface AuditedRepo extends Json {
  readonly findings: readonly Finding[];
}

async function audited(
  target: string,
  more: readonly string[] = [],
): Promise<{ code: number | null; repo: AuditedRepo }> {
  const { code, stdout } = await runs.run(["audit", target, "--json", ...more], { env: runs.withoutCache() });
  const { repositories } = JSON.parse(stdout) as { repositories: AuditedRepo[] };
  return { code, repo: repositories[0] as AuditedRepo };
}

describe("one repo", () => {
  it("that is sound has no finding, for a few requests", async () => {
    const { code, repo } = await audited("org/sound");
    expect(repo.findings).toEqual([]);
    expect(code).toBe(0);
    // Info, list, index, three shards, and five small files.
    expect(runs.hub.requests.length).toBeLessThanOrEqual(11);
    expect(repo).toMatchObject({ requests: runs.hub.requests.length, bytes: runs.hub.traffic().bytes });
  });

  it("with planted faults has all of them named", async () => {
    const { code, repo } = await audited("org/planted");
    expect(code).toBe(1);
    const found = repo.findings.map(({ rule, part = "" }) => `${rule} ${part}`.trim());
    for (const planted of [
      `safetensors/missing-shard instruct/${SECOND}`,
      "safetensors/orphan-shard model-00004-of-00004.safetensors",
      `safetensors/total-size ${INDEX}`,
      "repo/pickle",
      "file/custom-code",
      "template/internals",
      "config/vocab-size",
      "label/quantization gguf/model-Q8_0.gguf",
    ]) {
      expect(found.filter((one) => one.startsWith(planted))).not.toEqual([]);
    }
    // The orphan is no set of its own, of which three more are missing.
    expect(found.filter((one) => one.includes("of-00004") && !one.startsWith("safetensors/orphan-shard"))).toEqual([]);
    // None of them twice.
    expect(new Set(repo.findings.map((finding) => JSON.stringify(finding))).size).toBe(repo.findings.length);
  });

  it("is looked at in one version, the commit that is named", async () => {
    const { repo } = await audited("org/sound");
    const revisions = runs.hub.requests.flatMap(({ path }) => /\/resolve\/([^/]+)\//.exec(path)?.[1] ?? []);
    expect(new Set(revisions)).toEqual(new Set([repo.commit]));
  });

  it("that the Hub's scan calls unsafe fails", async () => {
    const { code, repo } = await audited("org/unsafe");
    expect(code).toBe(1);
    expect(repo.findings).toMatchObject([{ rule: "repo/scan", severity: "error" }]);
  });

  it("that is gated gives a partial answer without a token, a whole one with it", async () => {
    const without = await runs.run(["audit", "org/gated"], { env: runs.withoutCache() });
    expect(without.code).toBe(4);
    expect(without.stdout).toMatch(/gated/);
    expect(without.stdout).toMatch(/apache-2\.0/);
    const { code, repo } = await audited("org/gated", ["--token", TOKEN]);
    expect(code).toBe(0);
    expect(repo).toMatchObject({ partial: false });
  });

  it("that isn't there is no finding but an answer of the Hub: 4", async () => {
    const { code, stdout } = await runs.run(["audit", "org/nothing"]);
    expect(code).toBe(4);
    expect(stdout).toMatch(/org\/nothing/);
  });

  it("gives SARIF that fits the schema of 2.1.0", async () => {
    const path = createRequire(import.meta.url).resolve("@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json");
    // Of draft 4, which differs from 7 in nothing that it uses but its name.
    const { $schema: _, id: __, ...schema } = JSON.parse(readFileSync(path, "utf8")) as Json;
    const validate = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false, allErrors: true }).compile(
      schema,
    );
    for (const targets of [["org/planted"], ["org/sound", "org/gated", "org/nothing"]]) {
      const log = JSON.parse((await runs.run(["audit", ...targets, "--sarif"])).stdout) as Json;
      validate(log);
      expect(validate.errors ?? []).toEqual([]);
    }
    expect(validate({ version: "2.1.0", runs: [{ results: [{}] }] })).toBe(false);
  });
});

describe("a list", () => {
  it(`of ${REPOS} repos is audited in one run, interrupted and gone on with`, async () => {
    const list = join(runs.folder, "repos.txt");
    const out = join(runs.folder, "audit.ndjson");
    const all = Array.from({ length: REPOS }, (_, i) => `list/model-${i}`);
    writeFileSync(list, `# models\n\n${all.join("\n")}\n`);
    const args = ["audit", "--from", list, "--out", out, "--ndjson"];
    const first = start(runs, args);
    await runs.hub.asked(/^\/api\/models\/list\/model-\d+\/revision\//, REPOS / 3);
    first.interrupt();
    expect(await first.ended).toMatchObject({ signal: "SIGINT" });
    await runs.hub.idle();

    const rows = () =>
      readFileSync(out, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as { target: string });
    const done = new Set(rows().map(({ target }) => target));
    expect(done.size).toBeGreaterThan(0);
    expect(done.size).toBeLessThan(REPOS);

    runs.hub.reset();
    expect(await runs.run([...args, "--resume"])).toMatchObject({ code: 0 });
    const asked = new Set(runs.hub.requests.flatMap(({ path }) => /list\/model-\d+/.exec(path)?.[0] ?? []));
    expect([...asked].filter((target) => done.has(target))).toEqual([]);
    expect(asked.size).toBe(REPOS - done.size);
    expect(
      rows()
        .map(({ target }) => target)
        .sort(),
    ).toEqual([...all].sort());
  });
});

describe("Ctrl-C", () => {
  it.each([["org/sound"], ["audit", "org/sound"]])("ends every request of `inspect %s` at once", async (...args) => {
    runs.hub.fault({ kind: "stall-body", path: /\.safetensors$/, bytes: 10 });
    const run = start(runs, args, { HF_HUB_DOWNLOAD_TIMEOUT: "600", ...runs.withoutCache() });
    await runs.hub.asked(/\.safetensors$/);
    run.interrupt();
    expect(await run.ended).toMatchObject({ signal: "SIGINT" });
    await runs.hub.idle();
  });
});
