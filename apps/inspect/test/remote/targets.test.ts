/** Every form of a remote target, against a loopback Hub: the same answer as for the files on disk, for few requests. */
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { repoOf, repoOfFolder } from "../../../../test-support/fake-hub/fake-hub.mjs";
import { FIXTURES, inspect, jsonOf } from "../run-inspect.ts";
import { type HubRuns, hubRuns } from "./hub-runs.ts";

const SCHEMA = JSON.parse(
  readFileSync(new URL("../../../../docs/report.schema.json", import.meta.url), "utf8"),
) as Record<string, unknown>;
const SAFETENSORS = `${FIXTURES}llama-tiny-safetensors`;
const DENSE = `${FIXTURES}llama-dense-mixed.gguf`;
const MOE = `${FIXTURES}llama-moe-mixed.gguf`;

const TOKEN = "hf_test";

/** What doesn't depend on where the files are and what they are called. */
function facts(document: Record<string, unknown>): unknown {
  const { source, model, quantization, parameters, layers, buckets, experts } = document;
  const { parts, sizeBytes, tensors, declaredParts, missingParts } = source as Record<string, unknown>;
  const headers = (parts as { headerBytes: number }[]).map(({ headerBytes }) => headerBytes);
  return {
    ...{ parameters, layers, buckets, experts, sizeBytes, tensors, declaredParts, missingParts, headers },
    model: { ...(model as object), name: "" },
    quantization: { ...(quantization as object), fileName: "" },
  };
}

async function local(path: string): Promise<unknown> {
  return facts(jsonOf(await inspect([path, "--json"])));
}

let runs: HubRuns;
beforeAll(async () => {
  const quants = {
    "README.md": "# A model",
    "model-Q4_K_M.gguf": { file: DENSE },
    "model-Q8_0.gguf": { file: MOE },
    "mmproj-model-f16.gguf": { file: MOE },
  };
  runs = await hubRuns({
    tokens: [TOKEN],
    repos: {
      "org/model": repoOfFolder(SAFETENSORS),
      "org/model-GGUF": repoOf(quants),
      "org/several": repoOf(
        { "sub/folder/model.gguf": { file: DENSE }, "model.gguf": { file: MOE } },
        {
          revisions: { "refs/pr/1": { "model.gguf": { file: DENSE } } },
          tags: { "v1.0": { "model.gguf": { file: DENSE } } },
        },
      ),
      "org/gated": repoOf({ "model-Q4_K_M.gguf": { file: DENSE } }, { gated: "manual", accepted: [TOKEN] }),
      "org/private": repoOf({ "model.gguf": { file: DENSE } }, { private: true, accepted: [TOKEN] }),
      "org/no-weights": repoOf({ "README.md": "# Nothing", "pytorch_model.bin": "PK" }),
    },
  });
});
beforeEach(() => runs.hub.reset());
afterAll(() => runs.end());

async function commitOf(revision: string): Promise<string> {
  const answer = await fetch(`${runs.hub.url}/api/models/org/several/revision/${encodeURIComponent(revision)}`);
  return ((await answer.json()) as { sha: string }).sha;
}

describe("a repo", () => {
  it("gives the same numbers as its folder on disk", async () => {
    expect(facts(await runs.json(["org/model"]))).toEqual(await local(SAFETENSORS));
  });

  it("shows what it holds above the anatomy", async () => {
    const { stdout, stderr, code } = await runs.run(["org/model-GGUF"]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    for (const word of ["org/model-GGUF", "Q4_K_M", "Q8_0", "mmproj-model-f16.gguf", "Parameters"]) {
      expect(stdout).toContain(word);
    }
    expect(stdout).toMatch(/Q4_K_M is shown/);
  });

  it.each([
    ["org/model-GGUF", DENSE],
    ["org/model-GGUF:Q4_K_M", DENSE],
    ["org/model-GGUF:q8_0", MOE],
    ["hf:org/model-GGUF:Q8_0", MOE],
    ["org/model-GGUF/model-Q8_0.gguf", MOE],
    ["hf://org/model-GGUF@main/model-Q8_0.gguf", MOE],
    ["org/several/sub/folder", DENSE],
    ["org/several/sub/folder/model.gguf", DENSE],
    ["org/several@refs/pr/1", DENSE],
    ["org/several@v1.0", DENSE],
  ])("%s opens the right file", async (target, file) => {
    expect(facts(await runs.json([target]))).toEqual(await local(file));
  });

  it("is read at the commit that is named, or at --revision", async () => {
    const commit = await commitOf("v1.0");
    const pinned = await runs.json([`org/several@${commit}`]);
    expect(facts(pinned)).toEqual(await local(DENSE));
    expect(pinned.repository).toMatchObject({ commit, revision: commit });
    expect(facts(await runs.json(["org/several", "--revision", "v1.0"]))).toEqual(await local(DENSE));
  });

  it.each([
    ["a page of a file", "/org/model-GGUF/blob/main/model-Q8_0.gguf", MOE],
    ["a download link", "/org/model-GGUF/resolve/main/model-Q8_0.gguf?download=true", MOE],
    ["a page of a folder", "/org/several/tree/main/sub/folder", DENSE],
    ["a page of a repo", "/org/model", SAFETENSORS],
  ])("is found by the address of %s", async (_, path, file) => {
    expect(facts(await runs.json([`${runs.hub.url}${path}`]))).toEqual(await local(file));
  });

  it("can be checked", async () => {
    const { code, stdout } = await runs.run(["check", "org/model"]);
    expect(code).toBe(0);
    expect(stdout).toContain("no findings");
  });

  it.each(["layers", "tensors", "meta"])("serves `inspect %s`", async (command) => {
    const { stdout, stderr, code } = await runs.run([command, "org/model-GGUF"]);
    const { stdout: onDisk } = await inspect([command, DENSE]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/Q4_K_M is shown/);
    // The title has another name.
    expect(stdout.split("\n").slice(3)).toEqual(onDisk.split("\n").slice(3));
  });
});

describe("the JSON answer", () => {
  it.each([
    ["org/model", 0],
    ["org/model-GGUF", 0],
    ["org/gated", 4],
    ["org/no-weights", 3],
    ["org/nothing", 4],
  ])("of %s is as its schema says", async (target, expected) => {
    const { code, stdout } = await runs.run([target, "--json"], { env: runs.withoutCache() });
    expect(code).toBe(expected);
    const validate = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }).compile(SCHEMA);
    validate(JSON.parse(stdout));
    expect(validate.errors ?? []).toEqual([]);
  });
});

describe("a URL", () => {
  it("is read by ranges", async () => {
    const url = `${runs.hub.url}/org/model-GGUF/resolve/main/model-Q4_K_M.gguf`;
    // Another Hub is the configured one: this is a plain server then.
    const env = { HF_ENDPOINT: "http://127.0.0.1:9" };
    expect(facts(await runs.json([url], { env }))).toEqual(await local(DENSE));
    expect(runs.hub.requests.every(({ range }) => range !== undefined)).toBe(true);
    runs.hub.reset();
    expect(facts(await runs.json([url], { env }))).toEqual(await local(DENSE));
    expect(runs.hub.requests.length).toBeLessThanOrEqual(2);
    expect(runs.hub.traffic().bytes).toBeLessThan(1000);
  });

  it("finds the other parts of a set, and its config.json", async () => {
    const url = `${runs.hub.url}/org/model/resolve/main/model.safetensors.index.json`;
    const env = { HF_ENDPOINT: "http://127.0.0.1:9" };
    expect(facts(await runs.json([url], { env }))).toMatchObject({
      parameters: ((await local(SAFETENSORS)) as { parameters: unknown }).parameters,
    });
  });
});

describe("access", () => {
  it("a gated repo without a token shows what it holds, and how to get in", async () => {
    const env = runs.withoutCache();
    const { code, stdout, stderr } = await runs.run(["org/gated"], { env });
    expect(code).toBe(4);
    expect(stdout).toContain("Q4_K_M");
    expect(stderr).toMatch(/^inspect: .*gated.*\n$/);
    expect(stderr).toMatch(/HF_TOKEN/);
    const document = jsonOf(await runs.run(["org/gated", "--json"], { env }));
    expect(document).toMatchObject({ error: { code: "auth" }, repository: { id: "org/gated" } });
  });

  it.each([
    ["HF_TOKEN", [], { HF_TOKEN: TOKEN }],
    ["--token", ["--token", TOKEN], {}],
  ] as const)("and opens with %s", async (_, flags, env) => {
    const fresh = { ...runs.withoutCache(), ...env };
    expect(facts(await runs.json(["org/gated", ...flags], { env: fresh }))).toEqual(await local(DENSE));
    expect(runs.hub.requests.every(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true);
  });

  it("a private repo is as if it weren't there; with the token it opens", async () => {
    const { code, stderr } = await runs.run(["org/private"]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/private/);
    expect(facts(await runs.json(["org/private"], { env: { HF_TOKEN: TOKEN } }))).toEqual(await local(DENSE));
  });

  it("a token that the Hub rejects is named by where it is from", async () => {
    const { code, stderr } = await runs.run(["org/model"], { env: { HF_TOKEN: "hf_wrong" } });
    expect(code).toBe(4);
    expect(stderr).toMatch(/HF_TOKEN/);
    expect(stderr).not.toContain("hf_wrong");
  });
});

describe("what isn't there", () => {
  it.each([
    ["a repo", "org/nothing", /org\/nothing/],
    ["a revision", "org/model@nothing", /nothing/],
    ["a file", "org/model/nothing.gguf", /nothing\.gguf/],
    ["a quantization", "org/model-GGUF:Q2_K", /Q4_K_M/],
    ["a checkpoint", "org/no-weights", /no \.?gguf|no GGUF/i],
  ])("%s is said in one line", async (_, target, words) => {
    const { code, stderr } = await runs.run([target]);
    expect(stderr).toMatch(words);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect([3, 4]).toContain(code);
  });

  it("what may have been a path is said to be neither", async () => {
    const { code, stderr } = await runs.run(["models/llama"]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/no local file or folder/);
  });
});

describe("the second look", () => {
  it("costs one request, and none offline", async () => {
    const env = runs.withoutCache();
    const first = facts(await runs.json(["org/model-GGUF:Q8_0"], { env }));
    expect(runs.hub.requests.length).toBeLessThanOrEqual(3);
    runs.hub.reset();
    expect(facts(await runs.json(["org/model-GGUF:Q8_0"], { env }))).toEqual(first);
    expect(runs.hub.requests).toHaveLength(1);
    runs.hub.reset();
    expect(facts(await runs.json(["org/model-GGUF:Q8_0", "--offline"], { env }))).toEqual(first);
    expect(runs.hub.requests).toHaveLength(0);
  });

  it("offline, what was never seen is said so", async () => {
    const { code, stderr } = await runs.run(["org/model", "--offline"], { env: runs.withoutCache() });
    expect(code).toBe(4);
    expect(stderr).toMatch(/--offline/);
    expect(runs.hub.requests).toHaveLength(0);
  });
});

describe("the cache of huggingface_hub", () => {
  const COMMIT = "c0ffee".repeat(7).slice(0, 40);
  let env: { HF_HOME: string; CHECKPOINT_INSPECT_CACHE: string };

  /** Lays files out as huggingface_hub does: blobs by hash, and links to them in the snapshot. */
  function keep(repo: string, files: Readonly<Record<string, string>>): void {
    const folder = join(env.HF_HOME, "hub", `models--${repo.replace("/", "--")}`);
    mkdirSync(join(folder, "refs"), { recursive: true });
    mkdirSync(join(folder, "blobs"), { recursive: true });
    writeFileSync(join(folder, "refs/main"), COMMIT);
    for (const [path, from] of Object.entries(files)) {
      const blob = join(folder, "blobs", createHash("sha256").update(readFileSync(from)).digest("hex"));
      copyFileSync(from, blob);
      const link = join(folder, "snapshots", COMMIT, path);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(blob, link);
    }
  }

  beforeAll(() => {
    env = { HF_HOME: join(runs.folder, "kept"), ...runs.withoutCache() };
    keep("org/model", {
      "config.json": join(SAFETENSORS, "config.json"),
      "model.safetensors.index.json": join(SAFETENSORS, "model.safetensors.index.json"),
      ...Object.fromEntries(
        readdirSync(SAFETENSORS)
          .filter((name) => name.endsWith(".safetensors"))
          .map((name) => [name, join(SAFETENSORS, name)]),
      ),
    });
    keep("org/only-here", { "quants/model-Q4_K_M.gguf": DENSE });
  });

  it.each([
    ["org/model", SAFETENSORS],
    ["org/only-here:Q4_K_M", DENSE],
    ["org/only-here/quants", DENSE],
    [`org/only-here@${COMMIT.slice(0, 12)}`, DENSE],
  ])("opens %s without a request, offline or not", async (target, file) => {
    for (const flags of [["--offline"], []]) {
      const document = await runs.json([target, ...flags], { env });
      expect(facts(document)).toEqual(await local(file));
      expect(document.repository).toMatchObject({ from: "hf-cache", commit: COMMIT });
    }
    expect(runs.hub.requests).toHaveLength(0);
  });

  it("is passed over with --fresh", async () => {
    const document = await runs.json(["org/model", "--fresh"], { env });
    expect(document.repository).toMatchObject({ from: "hub" });
  });
});
