/** Headers of published models, served as repos: the remote report is the local one, for the requests that the design promises. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { analyse, type Report } from "@checkpoint-inspect/analysis";
import { findTarget, headerCache, hubSettings, parseTarget, type Traffic, transport } from "@checkpoint-inspect/hub";
import { type Checkpoint, openCheckpoint } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, expect, it } from "vitest";

import { type FakeHub, repoOfFolder, startFakeHub } from "../../../../test-support/fake-hub/fake-hub.mjs";
import { describeReal, expandHeads, listReal } from "../../../../test-support/real-data.ts";

/** A window of a safetensors file without an index, and room for a list of files and a config.json. */
const WINDOW_BYTES = 128 * 1024;
const LISTING_BYTES = 8 * 1024;
/** A window of a shard, and its share of an index. */
const SHARD_BYTES = 12 * 1024;

async function reportOf(checkpoint: Checkpoint): Promise<Report> {
  try {
    return analyse(checkpoint, { target: "" });
  } finally {
    await checkpoint.close();
  }
}

/** What doesn't depend on what the files are called. */
function facts({ source, parameters, buckets, layers, quantization, experts, findings }: Report): unknown {
  return {
    ...{ parameters, buckets, layers, experts, sizeBytes: source.sizeBytes, headerBytes: source.headerBytes },
    quantization: { ...quantization, fileName: null },
    findings: findings.map(({ rule, severity, tensor }) => ({ rule, severity, tensor })),
  };
}

describeReal("repos made of published headers", () => {
  let folder: string;
  let hub: FakeHub;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-real-"));
    hub = await startFakeHub();
  });
  afterAll(async () => {
    await hub.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const made: (() => void)[] = [];
  afterAll(() => {
    for (const remove of made) remove();
  });
  function expanded(heads: string): string {
    const { dir, remove } = expandHeads(heads);
    made.push(remove);
    return dir;
  }

  /** Serves expanded heads as `org/name` and looks at them twice with one cache. */
  async function lookTwice(path: string, target: string): Promise<{ report: Report; traffic: Traffic[] }> {
    hub.addRepo("org/name", repoOfFolder(path));
    const settings = await hubSettings(
      {},
      {
        HF_ENDPOINT: hub.url,
        HF_HOME: join(folder, "none"),
        CHECKPOINT_INSPECT_CACHE: mkdtempSync(join(folder, "cache-")),
      },
    );
    const parsed = parseTarget(target, { endpoint: hub.url, isLocal: false });
    if (parsed.kind === "local") throw new Error(`${target} is local`);
    const looks: { report: Report; traffic: Traffic }[] = [];
    for (let look = 0; look < 2; look++) {
      const way = transport(settings);
      const found = await findTarget(parsed, { transport: way, cache: headerCache(settings.headerCache) });
      looks.push({ report: await reportOf(await found.open()), traffic: way.traffic });
    }
    const [first, second] = looks;
    expect(facts(second?.report as Report)).toEqual(facts(first?.report as Report));
    return { report: first?.report as Report, traffic: looks.map(({ traffic }) => traffic) };
  }

  it.each([
    ...listReal("hf-heads")
      .filter((name) => !name.endsWith(".json"))
      .map((name) => ["hf-heads", name] as const),
    ["safetensors-headers", "Devstral-Small-2507"] as const,
    ["safetensors-headers", "Reflection-Llama-3.1-70B"] as const,
  ])("%s/%s", async (set, name) => {
    const path = expanded(`${set}/${name}`);
    const local = await reportOf(await openCheckpoint(path));
    const { report, traffic } = await lookTwice(path, "hf:org/name");
    expect(facts(report)).toEqual(facts(local));
    const { parts, headerBytes } = report.source;
    const names = readdirSync(path);
    const small = names.filter((file) =>
      /^(?:config|adapter_config|model\.safetensors\.index)\.json$/.test(file),
    ).length;
    const long = parts.length === 1 && headerBytes > WINDOW_BYTES ? 1 : 0;
    // The list, the small files, and one request a file; a second one for a header that a lone file's first window doesn't hold.
    expect(traffic[0]?.requests).toBe(1 + small + parts.length + long);
    const windows = parts.length > 1 ? parts.length * SHARD_BYTES + headerBytes : Math.max(WINDOW_BYTES, headerBytes);
    expect(traffic[0]?.bytes).toBeLessThan(windows + LISTING_BYTES + parts.length * 400);
    expect(traffic[1]?.requests).toBe(1);
  });

  it.each(["Q4_K_M", "F16"])("the %s of a GGUF repo", async (quant) => {
    const path = expanded("gguf-real-heads");
    const file = readdirSync(path).find((name) => name.includes(quant)) ?? "";
    const local = await reportOf(await openCheckpoint(join(path, file)));
    const { report, traffic } = await lookTwice(path, `hf:org/name:${quant}`);
    expect(facts(report)).toEqual(facts(local));
    expect(traffic[0]?.requests).toBeLessThanOrEqual(3);
    expect(traffic[0]?.bytes).toBeLessThan(1.3 * report.source.headerBytes);
    expect(traffic[1]?.requests).toBe(1);
  });
});
