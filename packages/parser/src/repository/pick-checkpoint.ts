/** Which of a repository's checkpoints is meant: the one asked for, else the one that the repository stands for. */
import { chooseSafetensorsEntry } from "../checkpoint/read-safetensors-set.ts";
import { grouped, inShort, plural, quoted } from "../words.ts";
import { checkpointsIn, homeOf } from "./checkpoints-in.ts";
import type { CheckpointUse, ListedCheckpoint } from "./repository.ts";

export interface CheckpointAsk {
  /** `Q4_K_M`, `q4_k_m`, `UD-Q4_K_XL`, `Q4_K_M-imat`, `fp16`. */
  readonly quant?: string;
  /** Of a file or folder in the repository. */
  readonly path?: string;
}

export type PickedCheckpoint =
  | { readonly picked: ListedCheckpoint; readonly why?: string }
  | { readonly choices: readonly ListedCheckpoint[]; readonly problem: string };

/** What is shown when it isn't named, in this order; projectors, draft models and imatrix files never are. */
const SHOWN_USES: readonly CheckpointUse[] = ["model", "adapter", "copy"];

/** What `llama-server -hf` takes when no quant is named, else the first file. Source: llama.cpp, common/download.cpp. */
const DEFAULT_QUANTS = ["Q4_K_M", "Q8_0"] as const;

/** Quants that a message lists. */
const MAX_NAMED = 12;

/**
 * @param all as {@link checkpointsIn} orders them
 * @returns the checkpoint, and in one line why it is this one where it wasn't asked for alone; or what is wrong with the question
 */
export function pickCheckpoint(all: readonly ListedCheckpoint[], ask: CheckpointAsk): PickedCheckpoint {
  const path = ask.path?.replace(/^\/+|\/+$/g, "") ?? "";
  if (path === "") return ask.quant === undefined ? unasked(all) : byQuant(all, ask.quant);
  const exact = all.find(
    ({ entry, kind, files }) => entry === path || (kind !== "pipeline" && files.some((file) => file.path === path)),
  );
  if (exact) return { picked: exact };
  const within = inFolder(all, path);
  if (within.length === 0) return { choices: all, problem: `there is no checkpoint at ${quoted(path)}` };
  if (ask.quant !== undefined) return byQuant(within, ask.quant);
  const [only] = within;
  return within.length === 1 && only ? { picked: only } : unasked(within);
}

/** What lies in a folder; of a pipeline's component, which isn't listed, the weights that the pipeline takes. */
function inFolder(all: readonly ListedCheckpoint[], path: string): readonly ListedCheckpoint[] {
  const under = `${path}/`;
  const listed = all.filter(({ entry }) => entry.startsWith(under));
  if (listed.some(({ use }) => use === "model")) return listed;
  const component = all.flatMap(({ kind, files }) =>
    kind === "pipeline" ? files.filter((file) => file.path === path || file.path.startsWith(under)) : [],
  );
  return component.length > 0 ? [...checkpointsIn(component), ...listed] : listed;
}

function byQuant(all: readonly ListedCheckpoint[], quant: string): PickedCheckpoint {
  const wanted = keyOf(quant);
  for (const use of SHOWN_USES) {
    const candidates = all.filter((checkpoint) => checkpoint.use === use);
    for (const matches of MATCHES) {
      const found = candidates.filter((checkpoint) => matches(checkpoint, wanted, wordsOf(quant)));
      const [only] = found;
      if (found.length === 1 && only) return { picked: only };
      if (found.length > 1) {
        const names = inShort(found.map(({ entry }) => quoted(entry)));
        return {
          choices: found,
          problem: `${quoted(quant)} may be any of ${grouped(found.length)}: ${names}; name one by its path`,
        };
      }
    }
  }
  const quants = [...new Set(all.flatMap((checkpoint) => (isShown(checkpoint) ? (checkpoint.quant ?? []) : [])))];
  const there =
    quants.length > 0 ? `there are ${inShort(quants, quants.length, MAX_NAMED)}` : "no file name here has a quant";
  return { choices: all, problem: `no checkpoint here is called ${quoted(quant)}; ${there}` };
}

/** The strictest first: the label itself, the label without Unsloth's mark, words of the name (`i1-Q4_K_M`, `Q4_K_M-imat`). */
const MATCHES: readonly ((checkpoint: ListedCheckpoint, wanted: string, asked: string) => boolean)[] = [
  ({ quant }, wanted) => quant !== undefined && keyOf(quant) === wanted,
  ({ quant }, wanted) => quant !== undefined && keyOf(quant) === `UD_${wanted}`,
  ({ variant }, wanted) => variant !== undefined && keyOf(variant) === wanted,
  ({ entry }, wanted) => keyOf(entry.slice(entry.lastIndexOf("/") + 1)) === wanted,
  // Underscores stand inside of a label: `Q4` is no word of `Q4_K_M`.
  ({ label }, _, asked) => asked !== "" && `-${wordsOf(label)}-`.includes(`-${asked}-`),
];

function wordsOf(text: string): string {
  return text.toUpperCase().replace(/[-. ]+/g, "-");
}

/** One spelling of what people and files write in several. */
function keyOf(text: string): string {
  return text
    .toUpperCase()
    .replace(/[-. ]/g, "_")
    .replace(/(?<![A-Z0-9])FP(?=(?:16|32)(?![0-9]))/g, "F");
}

function isShown({ use }: ListedCheckpoint): boolean {
  return SHOWN_USES.includes(use);
}

function unasked(all: readonly ListedCheckpoint[]): PickedCheckpoint {
  for (const use of SHOWN_USES) {
    const candidates = all.filter((checkpoint) => checkpoint.use === use);
    // An index of which no file is there is shown only where nothing else is.
    const there = candidates.filter(({ files }) => files.length > 0);
    const [first] = there.length > 0 ? there : candidates;
    if (!first) continue;
    const among = there.length > 0 ? there : candidates;
    return first.kind === "gguf" ? pickGguf(among, use) : pickFirst(first, among, use);
  }
  const problem =
    all.length === 0
      ? "there is no GGUF and no safetensors file here"
      : `only what goes with a model is here; name a file by its path: ${inShort(all.map(({ entry }) => quoted(entry)))}`;
  return { choices: all, problem };
}

/** What `inspect` shows of the same files in a folder. */
function pickFirst(first: ListedCheckpoint, all: readonly ListedCheckpoint[], use: CheckpointUse): PickedCheckpoint {
  const home = homeOf(first);
  const beside = all.filter((checkpoint) => checkpoint.kind === first.kind && homeOf(checkpoint) === home);
  const names = new Map(
    beside.map((checkpoint) => [checkpoint.entry.slice(checkpoint.entry.lastIndexOf("/") + 1), checkpoint]),
  );
  const chosen = first.kind === "pipeline" ? undefined : chooseSafetensorsEntry([...names.keys()]);
  const picked = (chosen === undefined ? undefined : names.get(chosen)) ?? first;
  if (all.length === 1) return { picked };
  const gguf = all.filter(({ kind }) => kind === "gguf").length;
  const others = all.length - gguf - 1;
  const what = picked.kind === "pipeline" ? "the pipeline" : quoted(picked.entry);
  const more = [
    others > 0 ? `${plural(others, `more ${use === "copy" ? "file" : use}`)} to name by path` : "",
    gguf > 0 ? `${plural(gguf, `GGUF ${use}`)} to name with :QUANT` : "",
  ].filter((words) => words !== "");
  return { picked, why: `${what} is shown; there ${others + gguf === 1 ? "is" : "are"} ${more.join(" and ")}` };
}

function pickGguf(all: readonly ListedCheckpoint[], use: CheckpointUse): PickedCheckpoint {
  const gguf = all.filter(({ kind }) => kind === "gguf").sort((a, b) => (a.entry < b.entry ? -1 : 1));
  const [first] = gguf as [ListedCheckpoint];
  if (all.length === 1) return { picked: first };
  const usual = DEFAULT_QUANTS.map((quant) => gguf.find((checkpoint) => checkpoint.quant === quant)).find(Boolean);
  const picked = usual ?? first;
  const shown = picked.quant ?? quoted(picked.entry);
  const alike = gguf.filter(({ quant }) => quant !== undefined && quant === picked.quant).length > 1;
  const which = alike ? `${shown} (${quoted(picked.entry)})` : shown;
  const naming = gguf.some(({ quant }) => quant !== undefined)
    ? "name another with :QUANT"
    : "name another by its path";
  const here = gguf.length === 1 ? `1 GGUF ${use} is here` : `${grouped(gguf.length)} GGUF ${use}s are here`;
  return { picked, why: `${here}; ${which} is shown, as llama.cpp picks it when none is named; ${naming}` };
}
