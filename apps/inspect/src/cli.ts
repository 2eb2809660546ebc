/**
 * The command. What people type most, `inspect [command] <target> [--json]`, is answered by what is loaded here; for
 * every other flag the command line with its parser and help texts comes behind one `await import()`. Parsing
 * arguments takes longer than reading a model's header, so the short form doesn't pay for it.
 */
import { COMMON_DEFAULTS, type CommonFlags, EXIT, UsageError } from "./commands/command.ts";
import { DIFF_DEFAULTS } from "./commands/diff-flags.ts";
import { LAYERS_DEFAULTS, runLayers } from "./commands/layers.ts";
import { MEMORY_DEFAULTS } from "./commands/memory-flags.ts";
import { META_DEFAULTS, runMeta } from "./commands/meta.ts";
import { runOverview } from "./commands/overview.ts";
import { runQuant } from "./commands/quant.ts";
import { runTensors, TENSORS_DEFAULTS } from "./commands/tensors.ts";
import { endOnFailedOutput } from "./terminal.ts";
import { safe, safeBlock } from "./views/text.ts";

/** The commands that read a local checkpoint, as they run without flags of their own. */
const SHORT_FORMS: Readonly<Record<string, (flags: CommonFlags, key?: string) => Promise<void>>> = {
  layers: (flags) => runLayers({ ...flags, ...LAYERS_DEFAULTS }),
  tensors: (flags) => runTensors({ ...flags, ...TENSORS_DEFAULTS }),
  meta: (flags, key) => runMeta({ ...flags, ...META_DEFAULTS, key }),
  quant: (flags) => runQuant(flags),
};

const EXPLAIN = "explain";
const CHECK = "check";
const MEMORY = "memory";
const DIFF = "diff";
const TUI = "tui";

/** The guide's texts are larger than all that a start needs: they're loaded when someone asks for them. */
async function explain(flags: Omit<CommonFlags, "target">, words: readonly string[]): Promise<void> {
  const { runExplain } = await import("./commands/explain.ts");
  return runExplain({ ...flags, words });
}

/** Reads more than the header, and knows more formats of answers: loaded when someone asks for it. */
async function check(flags: Omit<CommonFlags, "target">, targets: readonly string[]): Promise<void> {
  const { CHECK_DEFAULTS, runCheck } = await import("./commands/check.ts");
  return runCheck({ ...flags, ...CHECK_DEFAULTS, targets });
}

/** Formulas, hardware and quantizations: loaded when someone asks for them. */
async function memory(flags: Omit<CommonFlags, "target">, targets: readonly string[]): Promise<void> {
  const { runMemory } = await import("./commands/memory.ts");
  return runMemory({ ...flags, ...MEMORY_DEFAULTS, targets });
}

/** Looks at two checkpoints, tensor by tensor: loaded when someone asks for it. */
async function diff(flags: Omit<CommonFlags, "target">, targets: readonly string[]): Promise<void> {
  const { runDiff } = await import("./commands/diff.ts");
  return runDiff({ ...flags, ...DIFF_DEFAULTS, targets });
}

/** The full screen: Ink, and every view there is. */
async function tui(targets: readonly string[]): Promise<void> {
  const { browse } = await import("./tui/start.ts");
  return browse({ ...COMMON_DEFAULTS, targets });
}

const INTERACTIVE: ReadonlySet<string> = new Set(["-i", "--interactive"]);

/** Words that the full command line has to see. */
const OTHER_COMMANDS: ReadonlySet<string> = new Set(["audit", "completion"]);

/** Runs the short form, or says that these arguments aren't one. */
function shortForm(args: readonly string[]): Promise<void> | undefined {
  const [only = "", ...others] = args.filter((arg) => !INTERACTIVE.has(arg));
  const isOne = only !== "" && !only.startsWith("-") && others.length === 0;
  if (isOne && args.length === 2) return tui([only]);
  const words = args.filter((arg) => arg !== "--json");
  if (args.length - words.length > 1 || words.some((word) => word.startsWith("-") || word === "")) return undefined;
  const flags = { ...COMMON_DEFAULTS, json: words.length < args.length };
  const [first, target, key, ...more] = words;
  if (first === undefined || OTHER_COMMANDS.has(first)) return undefined;
  // A term first, which may have several words, and only then perhaps a target.
  if (first === EXPLAIN) return explain(flags, words.slice(1));
  if (first === CHECK) return target === undefined ? undefined : check(flags, words.slice(1));
  if (first === MEMORY) return target === undefined ? undefined : memory(flags, words.slice(1));
  if (first === TUI) return target === undefined || more.length > 0 || flags.json ? undefined : tui(words.slice(1));
  if (first === DIFF) return target === undefined ? undefined : diff(flags, words.slice(1));
  const command = Object.hasOwn(SHORT_FORMS, first) ? SHORT_FORMS[first] : undefined;
  if (!command) {
    if (target === undefined) return runOverview({ ...flags, target: first });
    if (target === MEMORY) throw new UsageError(`write the command first: inspect memory ${first}`);
    if (target === DIFF || key === DIFF) throw new UsageError("write the command first: inspect diff A B");
    if (target === CHECK) throw new UsageError(`write the command first: inspect check ${first}`);
    if (target === EXPLAIN) throw new UsageError(`write the command first: inspect explain <term> ${first}`);
    throw new UsageError(
      Object.hasOwn(SHORT_FORMS, target)
        ? `write the command first: inspect ${target} ${first}`
        : `'${first}' is not a command, and targets are taken one at a time (any part opens its whole set)`,
    );
  }
  if (target === undefined || more.length > 0 || (key !== undefined && first !== "meta")) return undefined;
  return command({ ...flags, target }, key);
}

/** Behind `--` everything is a target or a key, also what begins with a dash: as a path, it does so no more. */
function withoutDashes(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  if (end < 0) return [...args];
  const words = args.slice(end + 1).map((word) => (word.startsWith("-") ? `./${word}` : word));
  return [...args.slice(0, end), ...words];
}

/** Answers what was typed behind the command's name. Never throws: what goes wrong is said on stderr and by the exit code. */
export async function main(typed: readonly string[]): Promise<void> {
  try {
    const args = withoutDashes(typed);
    const short = shortForm(args);
    if (short) await short;
    else await (await import("./command-line.ts")).runCommandLine(args);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`inspect: ${safe(error.message)}\nTry 'inspect --help'.\n`);
      process.exitCode = EXIT.usage;
    } else {
      // A mistake of ours. Node would print a line of the bundle with it, which is the whole program.
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`inspect: unexpected error, please report it\n${safeBlock(stack)}\n`);
      process.exitCode = EXIT.internal;
    }
  }
}

endOnFailedOutput();
