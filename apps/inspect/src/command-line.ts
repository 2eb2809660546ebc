/** The whole command line: every command, flag and help text, through yargs. */
import { OPTIMIZERS } from "@checkpoint-inspect/analysis";
import yargs, { type Argv } from "yargs";

import { AUDIT_DEFAULTS, type AuditFlags, MAX_PARALLEL } from "./commands/audit-flags.ts";
import type { CheckFlags } from "./commands/check.ts";
import { COMMON_DEFAULTS, type CommonFlags, EXIT, NO_TARGET, UsageError } from "./commands/command.ts";
import type { DiffFlags } from "./commands/diff.ts";
import { DIFF_DEFAULTS, TWO_TARGETS } from "./commands/diff-flags.ts";
import { LAYERS_DEFAULTS, type LayersFlags, runLayers } from "./commands/layers.ts";
import type { MemoryFlags } from "./commands/memory.ts";
import { MEMORY_DEFAULTS } from "./commands/memory-flags.ts";
import { META_DEFAULTS, type MetaFlags, runMeta } from "./commands/meta.ts";
import { runOverview } from "./commands/overview.ts";
import { runQuant } from "./commands/quant.ts";
import { runTensors, SORT_NAMES, TENSORS_DEFAULTS, type TensorsFlags } from "./commands/tensors.ts";
import { VERSION } from "./version.ts";

const TARGET =
  "a .gguf or .safetensors file, any part of a set, an index, a folder, a URL, or org/name of a Hugging Face repo";

function withTarget<T>(args: Argv<T>) {
  return args.positional("target", { type: "string", demandOption: true, describe: TARGET });
}

interface ExplainArguments extends Omit<CommonFlags, "target"> {
  readonly term?: string;
  readonly target?: string;
  /** The command, then words that found no place. */
  readonly _: readonly string[];
}

interface OverviewArguments extends CommonFlags {
  readonly interactive?: boolean;
  readonly ascii?: boolean;
}

interface TuiArguments extends OverviewArguments {
  readonly other?: string;
}

type CheckArguments = Omit<CheckFlags, "targets"> & { readonly target: readonly string[] };

type MemoryArguments = Omit<MemoryFlags, "targets"> & { readonly target: readonly string[] };

type DiffArguments = Omit<DiffFlags, "targets"> & { readonly a: string; readonly b: string };

type AuditArguments = Omit<AuditFlags, "repos"> & { readonly repo: readonly string[] };

/** @throws {UsageError} for a mistake in what was typed */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const completing = args.includes("--get-yargs-completions");
  const terms = completing ? (await import("./commands/explain.ts")).termWords() : [];
  const parser = yargs([...args])
    .scriptName("inspect")
    // A target may be called 007.
    .parserConfiguration({ "parse-positional-numbers": false })
    .usage("$0 <target>\n\nShows what a model is made of, from its header alone: parameters, layers, quantization.")
    .command(
      "$0 <target>",
      "the overview: what it is and where its parameters are",
      (args) => withTarget(args),
      async (args) => {
        const { interactive, ...flags } = args as unknown as OverviewArguments;
        if (!interactive) return runOverview(flags);
        const { browse } = await import("./tui/start.ts");
        return browse({ ...flags, targets: [flags.target] });
      },
    )
    .command(
      "tui <target> [other]",
      "browse it on a full screen, with keys; two are compared",
      (args) => withTarget(args).positional("other", { type: "string", describe: "what it is compared with" }),
      async (args) => {
        const { target, other, ...flags } = args as unknown as TuiArguments;
        const { browse } = await import("./tui/start.ts");
        return browse({ ...flags, targets: other === undefined ? [target] : [target, other] });
      },
    )
    .command(
      "layers <target>",
      "layer by layer: what each holds, which are alike",
      (args) =>
        withTarget(args).option("all", {
          type: "boolean",
          default: LAYERS_DEFAULTS.all,
          describe: "a row for every layer",
        }),
      (args) => runLayers(args as unknown as LayersFlags),
    )
    .command(
      "tensors <target>",
      "the tensor table",
      (args) =>
        withTarget(args)
          .option("filter", {
            type: "string",
            array: true,
            nargs: 1,
            requiresArg: true,
            default: [...TENSORS_DEFAULTS.filter],
            describe:
              "a part of the name (* for anything), or layer:3-7 bucket:ffn part:q type:Q4_K size:>100MB bias:yes",
          })
          .option("sort", {
            choices: SORT_NAMES,
            requiresArg: true,
            default: TENSORS_DEFAULTS.sort,
            describe: "order; sizes come largest first",
          })
          .option("reverse", { type: "boolean", default: TENSORS_DEFAULTS.reverse, describe: "the other way round" })
          .option("limit", {
            type: "number",
            requiresArg: true,
            default: TENSORS_DEFAULTS.limit,
            describe: "at most so many rows; 0 for all",
          }),
      (args) => runTensors(args as unknown as TensorsFlags),
    )
    .command(
      "meta <target> [key]",
      "metadata with its value types; one key whole",
      (args) =>
        withTarget(args)
          .positional("key", { type: "string", describe: "a key, or its end: chat_template" })
          .option("from", {
            type: "number",
            requiresArg: true,
            default: META_DEFAULTS.from,
            describe: "first element of an array",
          })
          .option("limit", { type: "number", requiresArg: true, describe: "elements of an array; 0 for all" }),
      (args) => runMeta(args as unknown as MetaFlags),
    )
    .command(
      "quant <target>",
      "storage types by bytes, bits per weight, labels",
      (args) => withTarget(args),
      (args) => runQuant(args as unknown as CommonFlags),
    )
    .command(
      "memory [target..]",
      "what it takes to run: weights, KV cache, compute; what fits on a GPU; how fast",
      (args) =>
        args
          .positional("target", {
            type: "string",
            array: true,
            default: [] as string[],
            describe: `${TARGET}; several stand side by side`,
          })
          .option("context", {
            alias: "c",
            type: "string",
            requiresArg: true,
            describe: "tokens of a sequence: 8192, 32k, max",
          })
          .option("kv-type", {
            type: "string",
            requiresArg: true,
            describe: "type of the cache: f16, q8_0, or keys and values apart as q8_0:q4_0",
          })
          .option("gpu", {
            alias: "g",
            type: "string",
            requiresArg: true,
            describe: 'a GPU by name or size: "RTX 4090", 24GB, "2x RTX 3090", "M4 Max 64GB"',
          })
          .option("batch", { alias: "b", type: "number", requiresArg: true, describe: "sequences at once" })
          .option("ubatch", { type: "number", requiresArg: true, describe: "tokens of one step of work" })
          .option("gpu-layers", {
            alias: "ngl",
            type: "number",
            requiresArg: true,
            describe: "layers on the GPU, the head counted as one; all unless told",
          })
          .option("n-cpu-moe", {
            type: "number",
            requiresArg: true,
            describe: "layers whose routed experts stay in RAM",
          })
          .option("cpu-moe", { type: "boolean", describe: "all routed experts stay in RAM" })
          .option("flash-attention", { type: "boolean", describe: "on unless --no-flash-attention" })
          .option("unified", { type: "boolean", describe: "one cache for all sequences (llama.cpp -kvu)" })
          .option("swa-full", { type: "boolean", describe: "windowed layers keep the whole context" })
          .option("mla", {
            choices: ["compressed", "expanded"] as const,
            requiresArg: true,
            describe: "latent attention: the latent alone, or whole keys and values",
          })
          .option("source", { type: "number", requiresArg: true, describe: "positions of the encoder" })
          .option("utilization", {
            type: "number",
            requiresArg: true,
            describe: "share of each GPU that vLLM takes (0.9)",
          })
          .option("quants", {
            type: "string",
            coerce: readQuants,
            describe: "what it would take at other quantizations; all of them with --quants all",
          })
          .option("train", { type: "boolean", describe: "what training takes: full, LoRA, QLoRA" })
          .option("optimizer", {
            choices: Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[],
            requiresArg: true,
            default: MEMORY_DEFAULTS.optimizer as keyof typeof OPTIMIZERS,
            describe: "of training",
          })
          .option("rank", {
            type: "number",
            requiresArg: true,
            default: MEMORY_DEFAULTS.rank as number,
            describe: "of LoRA",
          })
          .option("price", {
            type: "number",
            requiresArg: true,
            describe: "of an hour of all GPUs, for cost per token",
          })
          .option("ram", { type: "string", requiresArg: true, describe: "speed of RAM: DDR5-5600, 90GB/s" })
          .option("why", {
            type: "string",
            describe: "formula, inputs and arithmetic of: weights, kv, compute, total, speed, cost, training",
          })
          .example('$0 memory model.gguf --gpu "RTX 4090" --context 32k', "does it fit, and what else would")
          .example("$0 memory model.gguf --why kv", "how the KV cache comes about")
          .example("$0 memory a.gguf b.gguf --gpu 24GB", "side by side"),
      async (args) => {
        const { runMemory } = await import("./commands/memory.ts");
        const { target: targets, ...flags } = args as unknown as MemoryArguments;
        await runMemory({ ...flags, targets });
      },
    )
    .command(
      "check [target..]",
      "is it whole, valid, consistent, safe: every rule; exit 1 where something is wrong",
      (args) =>
        args
          .positional("target", {
            type: "string",
            array: true,
            default: [] as string[],
            describe: `${TARGET}, or a glob; several at once; a folder stands for every checkpoint in and below it`,
          })
          .option("fail-on", {
            choices: ["error", "warning", "note"] as const,
            requiresArg: true,
            default: "error" as const,
            describe: "the least severity that ends with exit code 1",
          })
          .option("weights", {
            type: "boolean",
            default: false,
            describe: "read the weights too: NaN, infinities, all-zero tensors, known hashes",
          })
          .option("second-opinion", {
            type: "boolean",
            default: false,
            describe: "let another reader read the same bytes, and compare",
          })
          .option("sarif", { type: "boolean", default: false, describe: "SARIF 2.1.0, for code scanners" })
          .option("list", { type: "boolean", default: false, describe: "every rule, and end" })
          .example("$0 check model.gguf", "one checkpoint, everything that was found")
          .example("$0 check --fail-on warning models/", "every checkpoint in a folder, a line each")
          .example("$0 check --weights model.safetensors", "also the values: NaN, infinities, zeros")
          .example("$0 check --sarif '*.gguf' > check.sarif", "for a code scanner"),
      async (args) => {
        const { runCheck } = await import("./commands/check.ts");
        const { target: targets, ...flags } = args as unknown as CheckArguments;
        await runCheck({ ...flags, targets });
      },
    )
    .command(
      "audit [repo..]",
      "whether to trust a Hub repo and how to use it: files, checkpoints, safety, provenance; without downloading it",
      (args) =>
        args
          .positional("repo", {
            type: "string",
            array: true,
            default: [] as string[],
            describe: "org/name, org/name@revision",
          })
          .option("from", {
            type: "string",
            array: true,
            nargs: 1,
            requiresArg: true,
            default: [...AUDIT_DEFAULTS.from] as string[],
            describe: "a file with a repo a line; - for stdin",
          })
          .option("fail-on", {
            choices: ["error", "warning", "note"] as const,
            requiresArg: true,
            default: AUDIT_DEFAULTS.failOn,
            describe: "the least severity that ends with exit code 1",
          })
          .option("ndjson", {
            type: "boolean",
            default: AUDIT_DEFAULTS.ndjson,
            describe: "a JSON row for each repo as it is done",
          })
          .option("sarif", {
            type: "boolean",
            default: AUDIT_DEFAULTS.sarif,
            describe: "SARIF 2.1.0, for code scanners",
          })
          .option("markdown", {
            type: "boolean",
            default: AUDIT_DEFAULTS.markdown,
            describe: "a report for a pull request",
          })
          .option("out", {
            type: "string",
            requiresArg: true,
            describe: "a file that takes a row of each repo as it is done",
          })
          .option("resume", {
            type: "boolean",
            default: AUDIT_DEFAULTS.resume,
            describe: "go on with the file of --out: repos that stand in it are not asked for again",
          })
          .option("parallel", {
            type: "number",
            requiresArg: true,
            default: AUDIT_DEFAULTS.parallel,
            describe: `repos at once, up to ${MAX_PARALLEL}`,
          })
          .example("$0 audit org/name", "everything that was found, and how to pin what was looked at")
          .example("$0 audit --from repos.txt --out audit.ndjson", "a list, a line each; --resume goes on with it")
          .example("$0 audit --markdown org/name > audit.md", "a report for a pull request"),
      async (args) => {
        const { runAudit } = await import("./commands/audit.ts");
        const { auditRoom } = await import("./audit/look-at-repo.ts");
        const { repo: repos, ...flags } = args as unknown as AuditArguments;
        await runAudit({ ...flags, repos }, await auditRoom(flags));
      },
    )
    .command(
      "diff <a> <b>",
      "two checkpoints side by side, across formats: types, shapes, what one lacks, metadata",
      (args) =>
        args
          .positional("a", { type: "string", demandOption: true, describe: TARGET })
          .positional("b", { type: "string", demandOption: true, describe: "what it is compared with" })
          .option("all", {
            type: "boolean",
            default: DIFF_DEFAULTS.all as boolean,
            describe: "a row for every tensor that differs",
          })
          .option("markdown", {
            type: "boolean",
            default: DIFF_DEFAULTS.markdown as boolean,
            describe: "tables for a pull request",
          })
          .example("$0 diff model-F16.gguf model-Q4_K_M.gguf", "what the quantization changed")
          .example("$0 diff org/name org/name-GGUF:Q8_0", "a GGUF file and what it was made from"),
      async (args) => {
        const { runDiff } = await import("./commands/diff.ts");
        const { a, b, ...flags } = args as unknown as DiffArguments;
        await runDiff({ ...flags, targets: [a, b] });
      },
    )
    .command(
      "explain [term] [target]",
      "the words in plain language, with a model's own numbers",
      (args) =>
        args
          .positional("term", { type: "string", describe: "what to explain, in one word or more; none for the list" })
          .positional("target", { type: "string", describe: `${TARGET}: adds its own numbers` })
          // Terms of several words: what doesn't fit into the two places above is left in `_`.
          .strict(false)
          .strictOptions()
          .example("$0 explain", "every term with a line on it")
          .example("$0 explain moe", "what a mixture of experts is")
          .example("$0 explain kv cache model.gguf", "and what its cache takes")
          .example("$0 explain Q4_K", "a storage type by its name"),
      async (args) => {
        const { runExplain } = await import("./commands/explain.ts");
        const { term, target, _: more, ...flags } = args as unknown as ExplainArguments;
        const words = [term, target, ...more.slice(1)].filter((word) => word !== undefined);
        await runExplain({ ...flags, words });
      },
    )
    .option("json", { type: "boolean", default: COMMON_DEFAULTS.json, describe: "one JSON document for scripts" })
    .option("color", { type: "boolean", describe: "colour, or --no-color; else as the terminal and NO_COLOR say" })
    .option("width", { type: "number", requiresArg: true, describe: "columns to fit" })
    .option("revision", {
      type: "string",
      requiresArg: true,
      describe: "of a Hub repo: a branch, a tag, a commit, refs/pr/1",
    })
    .option("token", {
      type: "string",
      requiresArg: true,
      describe: "Hub token; else HF_TOKEN, or the one that hf auth login kept",
    })
    .option("offline", { type: "boolean", describe: "ask no server: caches of this machine alone" })
    .option("fresh", { type: "boolean", describe: "ask the Hub, also where a cache has the answer" })
    .option("interactive", {
      alias: "i",
      type: "boolean",
      describe: "browse it on a full screen: inspect -i model.gguf",
    })
    .option("ascii", { type: "boolean", describe: "nothing beyond ASCII, on the full screen" })
    .option("quiet", { type: "boolean", default: COMMON_DEFAULTS.quiet, describe: "no messages beside the answer" })
    .example("$0 model.gguf", "what is in this file")
    .example("$0 org/name-GGUF:Q4_K_M", "a Hub repo, without downloading it")
    .example("$0 layers model-00001-of-00003.safetensors", "any part opens the set")
    .example("$0 tensors model.gguf --filter bucket:ffn --sort size", "the largest FFN tensors")
    .example("$0 meta model.gguf chat_template", "one metadata key, whole")
    .example("$0 explain moe model.gguf", "what a term means, and what it comes to in this file")
    .completion("completion", "prints a script for shell completion", completeWords(terms))
    .version(VERSION)
    .alias("version", "V")
    .alias("help", "h")
    .strict()
    .demandCommand(1, NO_TARGET)
    .check(checkValues)
    .wrap(Math.min(100, process.stdout.columns || 100))
    .exitProcess(false)
    .fail((message, error) => {
      if (error && error.name !== "YError") throw error;
      throw new UsageError(oneLine(error?.message ?? message));
    });
  // Without a process to end, yargs would go on and take the word for a target.
  if (args[0] === "completion") {
    parser.showCompletionScript();
    return;
  }
  if (args.length === 0) {
    parser.showHelp("error");
    process.exitCode = EXIT.usage;
    return;
  }
  await parser.parseAsync();
}

/** As it is typed: `gpuLayers` is yargs' name for `--gpu-layers`. */
function flagName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const FROM_ONE: ReadonlySet<string> = new Set(["batch", "ubatch", "source", "rank"]);

const MEMORY_COUNTS = ["batch", "ubatch", "gpuLayers", "nCpuMoe", "source", "rank"];

/** `--quants` alone are the usual ones. */
function readQuants(value: string | undefined): "all" | "usual" | undefined {
  if (value === undefined || value === "all") return value;
  if (value === "" || value === "usual") return "usual";
  throw new UsageError(`--quants takes nothing, or all; got '${value}'`);
}

/** Counts that a person may have mistyped: yargs turns "abc" into NaN and lets -3 pass. */
function checkValues(values: Record<string, unknown>): true {
  for (const name of ["width", "limit", "from", "parallel", ...MEMORY_COUNTS]) {
    const value = values[name];
    // The lists of an audit come from files of any number.
    if (value === undefined || (Array.isArray(value) && value.every((one) => typeof one === "string"))) continue;
    if (Array.isArray(value)) throw new UsageError(`--${flagName(name)} is given twice`);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
      throw new UsageError(`--${flagName(name)} takes a whole number from ${FROM_ONE.has(name) ? 1 : 0} up`);
    }
  }
  return true;
}

/** yargs spreads its messages over lines, and words a missing target as a count. */
function oneLine(message: string): string {
  if (/^Not enough non-option.* need at least 2/s.test(message)) return TWO_TARGETS;
  return message.startsWith("Not enough non-option") ? NO_TARGET : message.replace(/\s*\n\s*/g, " ").trim();
}

type Done = (words: string[]) => void;
type Defaults = (callback: (error: Error | null, words: string[] | undefined) => void) => void;

/**
 * What yargs would offer, without the command that has no name; behind `explain`, its terms.
 * yargs goes on parsing before a promise would settle, so the terms are there beforehand.
 */
function completeWords(terms: readonly string[]) {
  return (current: string, argv: unknown, defaults: Defaults, done: Done): void => {
    const offered = (word: string) => !/^\$0/.test(word);
    const { _: words } = argv as { readonly _: readonly string[] };
    const before = words.slice(1).filter((word) => word !== "" && word !== current);
    if (before.length === 1 && before[0] === "explain" && !current.startsWith("-")) {
      done(terms.filter((term) => term.startsWith(current.toLowerCase())));
    } else {
      defaults((_, found = []) => done(found.filter(offered)));
    }
  };
}
