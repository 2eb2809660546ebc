/** `inspect audit` over repos: what it says of one and of several, its exit codes, and lists that are interrupted. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { auditRepository, type LookedCheckpoint, RULES } from "@checkpoint-inspect/analysis";
import { CheckpointError, writeSafetensors } from "@checkpoint-inspect/parser";
import type { Log } from "sarif";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { LookAtRepo, LookedRepo } from "../../src/audit/look.ts";
import type { AuditRow } from "../../src/audit/row.ts";
import { parseRow } from "../../src/audit/row-line.ts";
import { AUDIT_DEFAULTS, type AuditFlags, audit } from "../../src/commands/audit.ts";
import { UNPRINTABLE } from "../run-inspect.ts";
import { problems, problemsOfRow } from "./audit-schema.ts";
import {
  type Audited,
  auditOf,
  authError,
  COMMIT,
  listedGguf,
  lookedFixture,
  lookedInVain,
  lookedPipeline,
  lookUp,
  networkError,
  subjectOf,
  withPickle,
} from "./repos.ts";

interface Document {
  readonly failed: boolean;
  readonly partial: boolean;
  readonly summary: Readonly<Record<string, number>>;
  readonly repositories: readonly AuditRow[];
}

let folder: string;
let dense: LookedCheckpoint;
let mixture: LookedCheckpoint;
let look: LookAtRepo;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-audit-"));
  dense = await lookedFixture("llama-dense-mixed.gguf");
  mixture = await lookedFixture("llama-moe-mixed.gguf", "quants/llama-moe-mixed.gguf");
  const sound = subjectOf("acme/sound", [dense, mixture]);
  const cut = new CheckpointError("truncated", "the file ends at byte 900", { file: "cut.gguf", offset: 900 });
  const gated = { ...sound.info, gated: "manual" as const };
  look = lookUp({
    "acme/sound": { subject: sound },
    "acme/one": { subject: subjectOf("acme/one", [dense]) },
    "acme/pickle": { subject: withPickle(subjectOf("acme/pickle", [dense])) },
    "acme/cut": { subject: subjectOf("acme/cut", [lookedInVain("sub/cut.gguf", cut)]) },
    "acme/gated": {
      subject: { ...subjectOf("acme/gated", []), checkpoints: [dense.listed], info: gated, closed: true },
    },
    "acme/gated-pickle": {
      subject: withPickle({ ...subjectOf("acme/gated-pickle", []), checkpoints: [dense.listed], closed: true }),
    },
    "acme/half": { subject: { ...sound, looked: [dense] }, error: networkError() },
    "acme/many": {
      subject: {
        ...subjectOf("acme/many", [dense]),
        checkpoints: [dense.listed, listedGguf("second.gguf", 5)],
        filesCut: true,
      },
    },
    "acme/lost": { error: networkError() },
    "acme/refused": { error: authError() },
    "acme/empty": { error: new CheckpointError("not-found", "acme/empty holds no checkpoint") },
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (repos: readonly string[], flags: Partial<AuditFlags> = {}): Promise<Audited> =>
  auditOf({ repos, ...flags }, look);

async function documentOf(repos: readonly string[], flags: Partial<AuditFlags> = {}): Promise<Document> {
  const { stdout } = await run(repos, { json: true, ...flags });
  const document = JSON.parse(stdout) as Document;
  expect(problems(document)).toEqual([]);
  return document;
}

async function rowOf(repo: string): Promise<AuditRow> {
  const [row] = (await documentOf([repo])).repositories;
  return row as AuditRow;
}

describe("one repo", () => {
  it("is shown with its commit, its checkpoints, what the Hub says of it, and what it cost", async () => {
    const { code, stdout } = await run(["acme/sound"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^acme\/sound {2}main · 0123456$/m);
    expect(stdout).toContain(`pin it: acme/sound@${COMMIT}`);
    expect(stdout).toMatch(/llama-dense-mixed\.gguf {2,}llama {2,}436 K {2,}Q4_K_M, 5\.26 bits {2,}292 kB$/m);
    expect(stdout).toMatch(/quants\/llama-moe-mixed\.gguf {2,}llama {2,}389 K, 168 K active/);
    expect(stdout).toMatch(/last modified +2026-01-02$/m);
    expect(stdout).toMatch(/licence +apache-2\.0$/m);
    expect(stdout).toMatch(/access +open$/m);
    expect(stdout).toMatch(/base model +acme\/base$/m);
    expect(stdout).toMatch(/Hub's scan +nothing flagged$/m);
    expect(stdout).toMatch(/^ok {2}no findings$/m);
    expect(stdout).toMatch(/^3 requests, 2\.00 kB of /m);
  });

  it("asked for by its commit is pinned already", async () => {
    const subject = subjectOf("acme/one", [dense], { revision: COMMIT });
    const { stdout } = await auditOf({ repos: ["acme/one"] }, lookUp({ "acme/one": { subject } }));
    expect(stdout).not.toContain("pin it");
  });

  it("with a finding fails, and says which file, why, and what to do", async () => {
    const { code, stdout } = await run(["acme/pickle"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Errors: 1$/m);
    expect(stdout).toContain("repo/pickle-file");
    expect(stdout).toContain("pytorch_model.bin is a pickle");
    expect(stdout).toContain("fix: load the safetensors files instead");
    expect(stdout).toMatch(/^FAIL {2}1 error$/m);
  });

  it("has the figures of its checkpoints in JSON, as the overview counts them", async () => {
    const { checkpoints } = await rowOf("acme/sound");
    for (const [i, { report }] of [dense, mixture].entries()) {
      expect(checkpoints[i]).toMatchObject({
        opened: true,
        format: "gguf",
        architecture: report?.model.architecture,
        parameters: report?.parameters.total,
        active: report?.parameters.active,
        bitsPerWeight: report?.quantization.bitsPerWeight,
        sizeBytes: report?.source.sizeBytes,
      });
    }
  });

  it("names the files of findings by their paths in it, those of all checkpoints once", async () => {
    const same = { rule: "files/odd", severity: "note", message: "odd", part: "config.json" } as const;
    const whole = { rule: "files/whole", severity: "note", message: "whole" } as const;
    const inFolder = (entry: string): LookedCheckpoint => ({
      listed: listedGguf(entry, 5),
      findings: [same, { ...same }, whole],
    });
    const pipeline = await lookedPipeline("pipe", {
      "model_index.json": new TextEncoder().encode(
        '{"_class_name": "P", "unet": ["diffusers", "UNet2DConditionModel"]}',
      ),
      "unet/diffusion_pytorch_model.safetensors": writeSafetensors([
        { name: "conv_in.weight", dtype: "F16", shape: [8, 4], data: new Uint8Array(64) },
      ]),
    });
    const inPipeline = { ...pipeline, findings: [{ ...same, part: "unet/config.json" }, whole] };
    const subject = subjectOf("acme/parts", [
      inFolder("a/one.gguf"),
      inFolder("a/two.gguf"),
      inFolder("three.gguf"),
      inPipeline,
    ]);
    const { stdout } = await auditOf({ repos: ["acme/parts"], json: true }, lookUp({ "acme/parts": { subject } }));
    const [row] = (JSON.parse(stdout) as Document).repositories;
    expect(row?.findings.map(({ rule, part }) => `${rule} ${part}`)).toEqual([
      "files/odd a/config.json",
      "files/whole a/one.gguf",
      "files/whole a/two.gguf",
      "files/odd config.json",
      "files/whole three.gguf",
      "files/odd pipe/unet/config.json",
      "files/whole pipe/model_index.json",
    ]);
  });

  it("without a checkpoint that can be read ends with 3", async () => {
    expect((await run(["acme/cut"])).code).toBe(3);
    const { findings, checkpoints } = await rowOf("acme/cut");
    expect(findings).toMatchObject([{ rule: "read/truncated", part: "sub/cut.gguf", offset: 900 }]);
    expect(checkpoints).toMatchObject([{ opened: false, parameters: null, error: { code: "truncated" } }]);
    const { code, stdout } = await run(["acme/empty"]);
    expect(code).toBe(3);
    expect(stdout.match(/holds no checkpoint/g)).toHaveLength(1);
  });

  it.each([
    ["acme/lost", /doesn't answer/],
    ["acme/refused", /was refused/],
    ["acme/gone", /knows no repo/],
  ])("%s, that can't be asked, ends with 4 and isn't called failed", async (repo, words) => {
    const { code, stdout } = await run([repo]);
    expect(code).toBe(4);
    expect(stdout).toMatch(words);
    expect(stdout).toMatch(/^NONE/m);
    const row = await rowOf(repo);
    expect(row).toMatchObject({ failed: false, id: null, findings: [], counts: { error: 0 } });
    expect(row.error?.message).toMatch(words);
  });

  it.each([
    ["acme/gated", /the repo is gated.*are all that is known/, 4],
    ["acme/half", /doesn't answer/, 4],
    ["acme/many", /1 of 2 checkpoints weren't opened/, 0],
    ["acme/many", /has more files than the 2 names/, 0],
  ])("%s, of which a part could be seen, says so: %s", async (repo, words, exitCode) => {
    const { code, stdout } = await run([repo]);
    expect(code).toBe(exitCode);
    expect(stdout.replace(/\s+/g, " ")).toMatch(words);
    expect(stdout).toMatch(/^part /m);
    expect(stdout).not.toContain("Not looked at");
    const row = await rowOf(repo);
    expect(row.partial).toBe(true);
    expect(row.partialReasons.join()).toMatch(words);
  });

  it("that is gated fails for what can be seen of it all the same", async () => {
    expect((await run(["acme/gated-pickle"])).code).toBe(1);
  });
});

describe("several", () => {
  it("have a line each and one for all", async () => {
    const { code, stdout } = await run(["acme/one", "acme/pickle", "acme/lost", "acme/gated"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok +acme\/one +no findings/m);
    expect(stdout).toMatch(/^FAIL +acme\/pickle +1 error/m);
    expect(stdout).toMatch(/^NONE +acme\/lost$/m);
    expect(stdout).toMatch(/^part +acme\/gated/m);
    expect(stdout).toMatch(/^FAIL {2}4 repos: 1 failed, 2 not looked at or not whole; 1 error, 1 warning$/m);
  });

  it.each([
    [["acme/one", "acme/sound"], 0],
    [["acme/one", "acme/lost"], 4],
    [["acme/lost", "acme/gone"], 4],
    [["acme/lost", "acme/pickle"], 1],
    [["acme/one", "acme/cut"], 1],
    [["acme/cut", "acme/empty"], 3],
  ])("%j end with %i", async (repos, code) => {
    expect((await run(repos)).code).toBe(code);
  });

  it("--fail-on says from which severity on one fails", async () => {
    const note = { rule: "files/odd", severity: "note", message: "odd" } as const;
    const subject = subjectOf("acme/note", [{ ...dense, findings: [note] }]);
    for (const [failOn, code] of [
      ["error", 0],
      ["warning", 0],
      ["note", 1],
    ] as const) {
      const audited = await auditOf({ repos: ["acme/note"], failOn, json: true }, lookUp({ "acme/note": { subject } }));
      expect([failOn, audited.code]).toEqual([failOn, code]);
      expect(JSON.parse(audited.stdout)).toMatchObject({ failOn, failed: code === 1 });
    }
  });

  it("stand in the JSON in the order of what was asked for, whichever is done first", async () => {
    const repos = ["acme/slow", "acme/one", "acme/pickle"];
    let release = (): void => {};
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    const inTurn: LookAtRepo = async (target, options) => {
      if (target === "acme/slow") await first;
      if (target === "acme/pickle") release();
      return look(target, options);
    };
    const { stdout } = await auditOf({ repos, json: true }, inTurn);
    expect((JSON.parse(stdout) as Document).repositories.map(({ target }) => target)).toEqual(repos);
    const again = first.then(() => {});
    await again;
    const lines = (await auditOf({ repos, ndjson: true }, inTurn)).stdout.trimEnd().split("\n");
    expect(lines.map((line) => parseRow(line)?.index).sort()).toEqual([0, 1, 2]);
  });

  it("come as NDJSON: a row a line, each the same as in the document", async () => {
    const repos = ["acme/one", "acme/pickle", "acme/gated", "acme/lost"];
    const { stdout } = await run(repos, { ndjson: true, parallel: 1 });
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    for (const line of lines) expect(problemsOfRow(line)).toEqual([]);
    expect(lines).toEqual((await documentOf(repos)).repositories);
  });

  it("are looked at so many at once, and no more", async () => {
    let [running, most] = [0, 0];
    const counted: LookAtRepo = async (target, options) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return look(target, options);
    };
    const repos = Array.from({ length: 20 }, (_, i) => `acme/${i}`);
    for (const parallel of [1, 3, 32]) {
      most = 0;
      await auditOf({ repos, parallel }, counted);
      expect(most).toBe(Math.min(parallel, repos.length));
    }
  });

  it("come from lists too", async () => {
    const { stdout } = await auditOf({ repos: ["acme/one"], from: ["-"], json: true }, look, {
      stdin: Readable.from(["# two more\nacme/pickle\n\nacme/one\nacme/cut\n"]),
    });
    expect((JSON.parse(stdout) as Document).repositories.map(({ target }) => target)).toEqual([
      "acme/one",
      "acme/pickle",
      "acme/cut",
    ]);
  });
});

describe("a slip of the hand", () => {
  it.each([
    [{ json: true, sarif: true }, /--json and --sarif are 2 answers/],
    [{ ndjson: true, markdown: true }, /2 answers/],
    [{ parallel: 0 }, /--parallel/],
    [{ parallel: 33 }, /--parallel/],
    [{ parallel: Number.NaN }, /--parallel/],
    [{ resume: true }, /--out/],
    [{ out: "-" }, /--ndjson/],
    [{ repos: [] }, /name a repo/],
  ] as const)("%j asks no server", async (flags, words) => {
    const asked: string[] = [];
    const never: LookAtRepo = async (target) => {
      asked.push(target);
      throw new Error("asked");
    };
    await expect(auditOf({ repos: ["acme/one"], ...flags }, never)).rejects.toThrow(words);
    expect(asked).toEqual([]);
  });
});

describe("a list of 300 that is interrupted", () => {
  const repos = Array.from({ length: 300 }, (_, i) => `acme/model-${i}`);
  const rowsIn = (path: string): AuditRow[] =>
    readFileSync(path, "utf8")
      .split("\n")
      .slice(0, -1)
      .map((line) => parseRow(line) as AuditRow);

  /** Every 7th has a finding; `asked` counts the looks at each. */
  function counting(asked: Map<string, number>, stopAt: number, stop: AbortController): LookAtRepo {
    return async (target, { signal }): Promise<LookedRepo> => {
      asked.set(target, (asked.get(target) ?? 0) + 1);
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      const subject = subjectOf(target, [dense]);
      const n = Number(target.split("-")[1]);
      const looked = { target, subject: n % 7 === 0 ? withPickle(subject) : subject, requests: 2, bytes: 100 };
      if (asked.size === stopAt) stop.abort(new Error("interrupted"));
      return looked;
    };
  }

  it("goes on where it stopped: none is looked at twice that was done, each stands once in the file", async () => {
    const out = join(folder, "many.ndjson");
    const asked = new Map<string, number>();
    const flags = { repos, out, resume: true, parallel: 8 };
    let done = 0;
    for (const stopAt of [100, 220]) {
      const stop = new AbortController();
      await expect(auditOf(flags, counting(asked, stopAt, stop), { signal: stop.signal })).rejects.toThrow(
        "interrupted",
      );
      const rows = rowsIn(out);
      expect(rows.length).toBeGreaterThan(done);
      expect(rows.length).toBeLessThan(stopAt);
      done = rows.length;
      expect(new Set(rows.map(({ target }) => target)).size).toBe(done);
    }
    // The end of a run that was killed while it wrote.
    writeFileSync(out, readFileSync(out).subarray(0, -40));
    const before = new Set(rowsIn(out).map(({ target }) => target));
    expect(before.size).toBe(done - 1);
    asked.clear();
    const { code, stdout } = await auditOf({ ...flags, json: true }, counting(asked, 0, new AbortController()));
    expect(code).toBe(1);
    expect([...asked.keys()].sort()).toEqual(repos.filter((repo) => !before.has(repo)).sort());
    expect([...asked.values()].every((times) => times === 1)).toBe(true);
    const rows = rowsIn(out);
    expect(rows.map(({ target }) => target).sort()).toEqual([...repos].sort());
    for (const row of rows) expect(problemsOfRow(row)).toEqual([]);
    const document = JSON.parse(stdout) as Document;
    expect(problems(document)).toEqual([]);
    expect(document.summary).toMatchObject({
      repositories: 300,
      resumed: before.size,
      failed: Math.ceil(300 / 7),
      requests: 2 * (300 - before.size),
    });
    expect(document.repositories.map(({ target }) => target)).toEqual(repos);
  });

  it("tries those again that a failing network has left, and no others", async () => {
    const out = join(folder, "again.ndjson");
    const names = ["acme/one", "acme/lost", "acme/gone", "acme/refused", "acme/half", "acme/pickle"];
    expect((await run(names, { out })).code).toBe(1);
    const asked: string[] = [];
    const back: LookAtRepo = async (target) => {
      asked.push(target);
      return { target, subject: subjectOf(target, [dense]), requests: 1, bytes: 1 };
    };
    const { stdout } = await auditOf({ repos: names, out, resume: true, parallel: 1 }, back);
    expect(asked).toEqual(["acme/lost", "acme/half"]);
    expect(stdout).toMatch(/6 repos: 1 failed, 2 not looked at or not whole, 4 done before/);
    expect(
      rowsIn(out)
        .map(({ target }) => target)
        .sort(),
    ).toEqual([...names].sort());
  });

  it("done already is shown from its file, and judged by what this run fails on", async () => {
    const out = join(folder, "done.ndjson");
    await run(["acme/pickle"], { out });
    const never: LookAtRepo = async () => expect.unreachable();
    const again = await auditOf({ repos: ["acme/pickle"], out, resume: true }, never);
    expect(again.code).toBe(1);
    expect(again.stdout).toContain("pytorch_model.bin is a pickle");
  });

  it("a failure of ours ends all looks, and is thrown when they have ended", async () => {
    let open = 0;
    const failing: LookAtRepo = async (target, { signal }) => {
      open++;
      if (target === "acme/model-3") throw new TypeError("ours");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      open--;
      throw signal.reason;
    };
    await expect(auditOf({ repos }, failing)).rejects.toThrow("ours");
    expect(open).toBe(1);
  });
});

describe("words of others", () => {
  it("never reach a terminal raw", async () => {
    const evil = "\u001b[2J\u202eacme\u0007/\u009b1m\u200bx\ud800";
    const subject = withPickle(
      subjectOf(
        evil,
        [lookedInVain(`${evil}.gguf`, new CheckpointError("invalid", evil)), { ...dense, listed: listedGguf(evil, 1) }],
        {
          revision: evil,
          commit: evil,
          info: {
            license: evil,
            baseModels: [evil],
            lastModified: evil,
            scans: { done: false, files: [{ path: evil, level: evil }] },
          },
        },
      ),
      `${evil}.bin`,
    );
    const evilLook: LookAtRepo = async (target) => ({ target, subject, error: networkError(), requests: 1, bytes: 1 });
    for (const repos of [[evil], [evil, "acme/other"]]) {
      for (const flags of [{}, { json: true }, { ndjson: true }, { sarif: true }, { markdown: true }]) {
        const { stdout } = await auditOf({ repos, ...flags }, evilLook);
        expect(UNPRINTABLE.exec(stdout), JSON.stringify(flags)).toBeNull();
      }
    }
  });

  it("fit the width that was asked for", async () => {
    for (const width of [40, 60, 100]) {
      for (const repos of [["acme/sound"], ["acme/pickle"], ["acme/gated", "acme/half", "acme/sound"]]) {
        const { stdout } = await run(repos, { width });
        for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(width);
      }
    }
  });
});

describe("the rules on repos", () => {
  const judged = { judge: auditRepository, rules: RULES };

  it("find a pickle beside the weights, and name its page in SARIF", async () => {
    const { code, stdout } = await auditOf({ repos: ["acme/pickle"], sarif: true, failOn: "note" }, look, judged);
    expect(code).toBe(1);
    const [found] = (JSON.parse(stdout) as Log).runs.flatMap(({ results = [] }) =>
      results.filter(({ locations }) =>
        locations?.[0]?.physicalLocation?.artifactLocation?.uri?.endsWith(`/blob/${COMMIT}/pytorch_model.bin`),
      ),
    );
    expect(found?.ruleId).toMatch(/^repo\//);
    expect(RULES[found?.ruleIndex ?? -1]?.id).toBe(found?.ruleId);
  });

  it("are what findings come from, unless told otherwise", async () => {
    const room = { lookAtRepo: look, endpoint: "https://hub.test" };
    const texts: string[] = [];
    const write = async (text: string): Promise<void> => {
      texts.push(text);
    };
    const flags = { ...AUDIT_DEFAULTS, json: true, quiet: true, repos: ["acme/pickle"] };
    await audit(flags, { ...room, write });
    const { stdout } = await auditOf({ repos: ["acme/pickle"], json: true }, look, judged);
    expect(JSON.parse(texts.join(""))).toEqual(JSON.parse(stdout));
  });
});
