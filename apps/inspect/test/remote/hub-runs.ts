/** Runs the command against a loopback Hub, with caches of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type FakeHub, type HubOptions, startFakeHub } from "../../../../test-support/fake-hub/fake-hub.mjs";
import { inspect, jsonOf, type Run, type RunOptions, SHIM } from "../run-inspect.ts";

/** Waits are short: a fault has to be answered, not sat out. */
const TIMEOUT_SECONDS = "0.5";

export interface HubRuns {
  readonly hub: FakeHub;
  /** Folder of everything that the runs keep; removed in the end. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  run(args: readonly string[], options?: RunOptions): Promise<Run>;
  /** The document of a `--json` run that went well. */
  json(args: readonly string[], options?: RunOptions): Promise<Record<string, unknown>>;
  /** With a cache that holds nothing yet. */
  withoutCache(): { CHECKPOINT_INSPECT_CACHE: string };
  end(): Promise<void>;
}

export async function hubRuns(options: HubOptions): Promise<HubRuns> {
  const hub = await startFakeHub(options);
  const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-remote-"));
  const env = {
    HF_ENDPOINT: hub.url,
    HF_HOME: join(folder, "hf"),
    CHECKPOINT_INSPECT_CACHE: join(folder, "cache"),
    HF_HUB_ETAG_TIMEOUT: TIMEOUT_SECONDS,
    HF_HUB_DOWNLOAD_TIMEOUT: TIMEOUT_SECONDS,
  };
  const run = (args: readonly string[], more: RunOptions = {}): Promise<Run> =>
    inspect(args, { ...more, env: { ...env, ...more.env } });
  return {
    hub,
    folder,
    env,
    run,
    async json(args, more) {
      const ran = await run([...args, "--json"], more);
      if (ran.code !== 0)
        throw new Error(`inspect ${args.join(" ")} ended with ${ran.code}: ${ran.stderr}${ran.stdout}`);
      return jsonOf(ran);
    },
    withoutCache: () => ({ CHECKPOINT_INSPECT_CACHE: mkdtempSync(join(folder, "cache-")) }),
    async end() {
      await hub.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A run that is to be interrupted: the process as it goes on. */
export interface Started {
  interrupt(): void;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly stderr: string;
  }>;
}

/** Starts `inspect ...args` and lets it run. */
export function start({ env }: HubRuns, args: readonly string[], more: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, [SHIM, ...args], {
    env: { ...process.env, ...env, ...more },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const ended = new Promise<Awaited<Started["ended"]>>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stderr }));
  });
  return { interrupt: () => child.kill("SIGINT"), ended };
}
