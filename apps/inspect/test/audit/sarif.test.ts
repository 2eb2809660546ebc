/** `inspect audit --sarif`: results name the pages of files, and what couldn't be looked at is a finding or a notification. */
import { CheckpointError } from "@checkpoint-inspect/parser";
import type { Log, Run } from "sarif";
import { beforeAll, describe, expect, it } from "vitest";

import {
  ALL_RULES,
  auditOf,
  COMMIT,
  ENDPOINT,
  lookedFixture,
  lookedInVain,
  lookUp,
  networkError,
  subjectOf,
  withPickle,
} from "./repos.ts";

let run: Run;
let code: number;

beforeAll(async () => {
  const dense = await lookedFixture("llama-dense-mixed.gguf");
  const cut = new CheckpointError("truncated", "the file ends at byte 900", { file: "cut.gguf", offset: 900 });
  const look = lookUp({
    "acme/odd": {
      subject: withPickle(subjectOf("acme/odd", [dense, lookedInVain("sub/cut.gguf", cut)]), "a b/#100%?ä.bin"),
    },
    "acme/closed": { subject: { ...subjectOf("acme/closed", []), closed: true } },
    "acme/elsewhere": { subject: withPickle(subjectOf("acme/elsewhere", [dense])), endpoint: "https://other.test/hub" },
    "acme/half": { subject: subjectOf("acme/half", [dense]), error: networkError() },
    "acme/lost": { error: networkError() },
  });
  const repos = ["acme/odd", "acme/closed", "acme/elsewhere", "acme/half", "acme/lost"];
  const audited = await auditOf({ repos, sarif: true }, look);
  code = audited.code;
  const log = JSON.parse(audited.stdout) as Log;
  expect(log.version).toBe("2.1.0");
  expect(log.runs).toHaveLength(1);
  run = log.runs[0] as Run;
});

describe("SARIF", () => {
  it("has a rule for every result", () => {
    const rules = run.tool.driver.rules ?? [];
    expect(rules.map(({ id }) => id)).toEqual(ALL_RULES.map(({ id }) => id));
    for (const { ruleId, ruleIndex, level, message } of run.results ?? []) {
      expect(rules[ruleIndex ?? -1]?.id).toBe(ruleId);
      expect(["error", "warning", "note"]).toContain(level);
      expect(message.text).toMatch(/\S/);
    }
  });

  it("names files by their pages at the commit, escaped as URLs are", () => {
    const places = run.results?.map(({ ruleId, locations }) => {
      const { artifactLocation, region } = locations?.[0]?.physicalLocation ?? {};
      return [ruleId, artifactLocation?.uri, region?.byteOffset];
    });
    expect(places).toEqual([
      ["repo/pickle-file", `${ENDPOINT}/acme/odd/blob/${COMMIT}/a%20b/%23100%25%3F%C3%A4.bin`, undefined],
      ["read/truncated", `${ENDPOINT}/acme/odd/blob/${COMMIT}/sub/cut.gguf`, 900],
      ["repo/partial", `${ENDPOINT}/acme/closed/tree/${COMMIT}`, undefined],
      ["repo/pickle-file", `https://other.test/hub/acme/elsewhere/blob/${COMMIT}/pytorch_model.bin`, undefined],
    ]);
  });

  it("says what couldn't be looked at, which is no finding", () => {
    const [invocation] = run.invocations ?? [];
    expect(invocation).toMatchObject({ executionSuccessful: false, exitCode: code });
    const told = invocation?.toolExecutionNotifications?.map(({ level, message, locations }) => [
      level,
      message.text,
      locations?.[0]?.physicalLocation?.artifactLocation?.uri,
    ]);
    expect(told).toEqual([
      [
        "note",
        expect.stringMatching(/^acme\/half was looked at in part: .*doesn't answer/),
        `${ENDPOINT}/acme/half/tree/${COMMIT}`,
      ],
      ["error", expect.stringMatching(/^acme\/lost couldn't be looked at: .*doesn't answer/), "acme/lost"],
    ]);
  });

  it("of a sound repo has neither results nor notifications", async () => {
    const subject = subjectOf("acme/sound", [await lookedFixture("llama-dense-mixed.gguf")]);
    const audited = await auditOf({ repos: ["acme/sound"], sarif: true }, lookUp({ "acme/sound": { subject } }));
    const [sound] = (JSON.parse(audited.stdout) as Log).runs;
    expect(sound).toMatchObject({ results: [], invocations: [{ executionSuccessful: true, exitCode: 0 }] });
    expect(sound?.invocations?.[0]).not.toHaveProperty("toolExecutionNotifications");
  });
});
