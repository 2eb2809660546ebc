/** Runs the real command in a process of its own, as a shell does, and says what came out of it. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";

export const SHIM = fileURLToPath(new URL("../bin/inspect.js", import.meta.url));
export const FIXTURES = fileURLToPath(new URL("../../../fixtures/", import.meta.url));

/** Every fixture that is a checkpoint, as it is given to the command. */
export const FIXTURE_TARGETS = [
  "llama-dense-mixed.gguf",
  "llama-moe-mixed.gguf",
  "llama-tiny-safetensors",
  "llama-tiny-gptq",
  "llama-tiny-bnb-nf4",
].map((name) => FIXTURES + name);

/** The commands that take a checkpoint and nothing else; "" is the overview. (`diff` takes two: diff.test.ts.) */
export const COMMANDS = ["", "layers", "tensors", "quant", "memory", "meta"] as const;
export type Command = (typeof COMMANDS)[number];

/** A guard, not a promise: a process that takes so long hangs. */
const HANG_MS = 20_000;

export interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What a hook of {@link RunOptions.nodeArgs} wrote to file descriptor 3. */
  readonly aside: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Added to a plain environment: no colour variables, a terminal that can do something. */
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** Another copy of the command than the one that was built here. */
  readonly command?: string;
  readonly timeoutMs?: number;
  /** Closes the reading end of stdout at once, as `| head` does in the end. */
  readonly closeStdout?: boolean;
}

const { NO_COLOR: _, FORCE_COLOR: __, COLORTERM: ___, NODE_OPTIONS: ____, ...INHERITED } = process.env;

/** No test asks a server that it hasn't started, or finds what the caches of this machine hold. */
const NO_HUB = {
  HF_ENDPOINT: "http://127.0.0.1:9",
  HF_HOME: join(tmpdir(), "checkpoint-inspect-no-hf-home"),
  CHECKPOINT_INSPECT_CACHE: join(tmpdir(), "checkpoint-inspect-no-cache"),
};
const OF_THE_HUB = /^(?:HF_|HUGGING_?FACE|TRANSFORMERS_|XDG_CACHE_HOME$|OLLAMA_)|_proxy$/i;
const PLAIN = {
  ...Object.fromEntries(Object.entries(INHERITED).filter(([name]) => !OF_THE_HUB.test(name))),
  ...NO_HUB,
};

// Test files run side by side already; more processes than cores only wait for each other.
const AT_ONCE = Math.max(2, Math.floor(availableParallelism() / 2));
const waiting: (() => void)[] = [];
let running = 0;

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running === AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  else running++;
  try {
    return await work();
  } finally {
    // The turn goes on to whoever waits longest.
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

/** `inspect ...args`, with stdin closed and stdout and stderr into pipes. */
export function inspect(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const failure = inject("bundleFailure");
  if (failure) throw new Error(`the command could not be bundled: ${failure}`);
  return inTurn(() => run(args, options));
}

/** `inspect command target ...more`, where the overview is the command without a name. */
export function inspectCommand(command: Command, target: string, ...more: readonly string[]): Promise<Run> {
  return inspect([...(command === "" ? [] : [command]), target, ...more]);
}

function run(args: readonly string[], { cwd = FIXTURES, env = {}, ...options }: RunOptions): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...(options.nodeArgs ?? []), options.command ?? SHIM, ...args], {
      cwd,
      env: { ...PLAIN, TERM: "xterm-256color", ...env },
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      timeout: options.timeoutMs ?? HANG_MS,
      killSignal: "SIGKILL",
    });
    const chunks: Buffer[][] = [[], [], [], []];
    for (const fd of [1, 2, 3] as const) {
      const stream = child.stdio[fd] as NodeJS.ReadableStream & { destroy(): void };
      if (fd === 1 && options.closeStdout) stream.destroy();
      else stream.on("data", (chunk: Buffer) => chunks[fd]?.push(chunk));
    }
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const text = (fd: number) => Buffer.concat(chunks[fd] ?? []).toString("utf8");
      resolve({ code, signal, stdout: text(1), stderr: text(2), aside: text(3) });
    });
  });
}

/** The one JSON document that a `--json` run prints. */
export function jsonOf(run: Run): Record<string, unknown> {
  return JSON.parse(run.stdout) as Record<string, unknown>;
}

/** A module for `node --import` that writes an expression's value to file descriptor 3 when the process ends. */
export function onExit(expression: string): string[] {
  const code = `import fs from "node:fs"; process.on("exit", () => fs.writeSync(3, String(${expression})));`;
  return ["--import", `data:text/javascript,${encodeURIComponent(code)}`];
}

/**
 * Peak resident memory in bytes. On Linux the high-water mark of this process image alone: what getrusage says there
 * includes the image before exec, which is a copy of the test runner.
 */
export const PEAK_MEMORY = existsSync("/proc/self/status")
  ? `1024 * Number(/VmHWM:\\s*(\\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1])`
  : "1024 * process.resourceUsage().maxRSS";

/** Everything that could move a cursor, colour a terminal, or hide: anything but printable characters and line feeds. */
export const UNPRINTABLE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
