/** What the planner asks for and what comes out: settings as fields that can be turned, and the answer to them. */
import { formatExact, type Hardware, KV_TYPES, type MemoryModel, plural } from "@checkpoint-inspect/analysis";

import { findHardware } from "../../../memory/gpus.ts";
import { viewOf } from "../../../memory/look.ts";
import type { MemoryView } from "../../../memory/room.ts";
import type { Subject } from "../../subject.ts";

export interface Plan {
  /** Tokens; null for what programs take unless told. */
  readonly context: number | null;
  /** Place in the engine's types; null for what programs take. */
  readonly keyType: string | null;
  readonly valueType: string | null;
  readonly slots: number;
  /** Place in {@link MACHINES}. */
  readonly machine: number;
  /** Layers on the GPU; null for all. */
  readonly gpuLayers: number | null;
  /** Layers whose routed experts stay in RAM. */
  readonly expertLayers: number;
  /** Which of the two the offload field turns. */
  readonly offload: "layers" | "experts";
}

/** GPUs and sizes that people have, as `--gpu` takes them; "" for none. */
export const MACHINES = [
  "",
  "8GB",
  "12GB",
  "16GB",
  "24GB",
  "32GB",
  "48GB",
  "80GB",
  "96GB",
  "141GB",
  "RTX 3060",
  "RTX 3090",
  "RTX 4060 Ti",
  "RTX 4090",
  "RTX 5090",
  "2x RTX 3090",
  "2x RTX 4090",
  "4x RTX 3090",
  "L40S",
  "A100",
  "H100",
  "8x H100",
  "H200",
  "MI300X",
  "RX 7900 XTX",
  "M2 Ultra 192GB",
  "M3 Max 64GB",
  "M4 Pro 48GB",
  "M4 Max 128GB",
] as const;

/** A card of 24 GB is what many people ask about. */
const USUAL_MACHINE = MACHINES.indexOf("24GB");

export const USUAL: Plan = {
  context: null,
  keyType: null,
  valueType: null,
  slots: 1,
  machine: USUAL_MACHINE,
  gpuLayers: null,
  expertLayers: 0,
  offload: "layers",
};

/** Whether a figure is of other settings than programs take. */
export function isHypothetical(plan: Plan): boolean {
  const { machine: _, offload: __, ...rest } = plan;
  const { machine: ___, offload: ____, ...usual } = USUAL;
  return JSON.stringify(rest) !== JSON.stringify(usual);
}

/** Of a row of {@link MACHINES}. */
function hardwareOf(machine: number): readonly Hardware[] {
  const text = MACHINES[machine] ?? "";
  if (text === "") return [];
  const answer = findHardware(text);
  if ("problem" in answer) return [];
  return answer.hardware.flatMap(({ hardware, count }) => Array.from({ length: count }, () => hardware));
}

const answers = new WeakMap<Subject, Map<string, MemoryView>>();

/** Answers that are kept: more than a user goes to and fro between. */
const KEPT = 64;

/** The answer to a plan; undefined for a checkpoint that nothing runs. Worked out once for each plan. */
export function answerTo(subject: Subject, plan: Plan): MemoryView | undefined {
  const { memory, checkpoint, report } = subject;
  if (!memory) return undefined;
  let known = answers.get(subject);
  if (!known) {
    known = new Map();
    answers.set(subject, known);
  }
  const { offload: _, ...asked } = plan;
  const key = JSON.stringify(asked);
  const before = known.get(key);
  if (before) return before;
  const types = KV_TYPES[memory.engine];
  const nameOf = (type: string | null) => types.find((row) => row.type === type)?.name;
  const keys = nameOf(plan.keyType) ?? nameOf(plan.valueType);
  const kvType =
    plan.keyType === null && plan.valueType === null
      ? undefined
      : `${nameOf(plan.keyType) ?? usualName(memory)}:${nameOf(plan.valueType) ?? usualName(memory)}`;
  const flags = {
    optimizer: "adamw",
    rank: 16,
    quants: "none",
    ...(plan.context !== null && { context: String(plan.context) }),
    ...(keys !== undefined && kvType !== undefined && { kvType }),
    ...(plan.slots > 1 && { batch: plan.slots }),
    ...(plan.gpuLayers !== null && { gpuLayers: plan.gpuLayers }),
    ...(plan.expertLayers > 0 && { nCpuMoe: plan.expertLayers }),
  } as const;
  const view = viewOf(checkpoint, report, memory, flags, hardwareOf(plan.machine), undefined);
  if (known.size >= KEPT) known.clear();
  known.set(key, view);
  return view;
}

function usualName(memory: MemoryModel): string {
  return KV_TYPES[memory.engine].find(({ type }) => type === "F16")?.name ?? "f16";
}

export interface Field {
  readonly id: keyof Plan;
  readonly label: string;
  readonly words: string;
  /** As it stands. */
  text(plan: Plan, view: MemoryView): string;
  /** One step to the right or the left; the same plan where it ends. */
  turned(plan: Plan, by: 1 | -1, view: MemoryView): Plan;
}

/** The next or the one before in a list, without going round. */
function step<T>(list: readonly T[], now: T, by: 1 | -1): T {
  const at = list.indexOf(now);
  return list[Math.max(0, Math.min(list.length - 1, at + by))] ?? now;
}

const CONTEXTS = [
  512, 1024, 2048, 4096, 8192, 16_384, 24_576, 32_768, 49_152, 65_536, 98_304, 131_072, 196_608, 262_144, 393_216,
  524_288, 1_048_576,
];

/** Round numbers of tokens, what the model was trained for, and what fits. */
function contextsOf({ model, answer }: MemoryView): number[] {
  const trained = model.contextLength ?? 0;
  const largest = answer.machine?.largest.map(({ tokens }) => tokens) ?? [];
  const all = [
    ...CONTEXTS.filter((tokens) => trained === 0 || tokens <= trained),
    trained,
    answer.settings.context,
    ...largest,
  ];
  return [...new Set(all.filter((tokens) => tokens > 0))].sort((a, b) => a - b);
}

export const FIELDS: readonly Field[] = [
  {
    id: "context",
    label: "context",
    words: "prompt and answer of one sequence",
    text: (_, { answer }) => formatExact(answer.settings.context),
    turned: (plan, by, view) => ({ ...plan, context: step(contextsOf(view), view.answer.settings.context, by) }),
  },
  {
    id: "keyType",
    label: "K type",
    words: "how cached keys are stored",
    text: (_, { answer }) => answer.settings.keyType.toLowerCase(),
    turned: (plan, by, { answer, model }) => ({ ...plan, keyType: typeStep(model, answer.settings.keyType, by) }),
  },
  {
    id: "valueType",
    label: "V type",
    words: "how cached values are stored",
    text: (_, { answer }) => answer.settings.valueType.toLowerCase(),
    turned: (plan, by, { answer, model }) => ({ ...plan, valueType: typeStep(model, answer.settings.valueType, by) }),
  },
  {
    id: "slots",
    label: "slots",
    words: "sequences at once, a context each",
    text: ({ slots }) => formatExact(slots),
    turned: (plan, by) => ({
      ...plan,
      slots: step([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256], plan.slots, by),
    }),
  },
  {
    id: "machine",
    label: "GPU",
    words: "what it has to fit into",
    text: ({ machine }) => MACHINES[machine] || "none",
    turned: (plan, by) => ({ ...plan, machine: Math.max(0, Math.min(MACHINES.length - 1, plan.machine + by)) }),
  },
  {
    id: "offload",
    label: "offload",
    words: "what stays in RAM; o: layers or experts",
    text: ({ offload, gpuLayers, expertLayers }, { model }) =>
      model.engine === "vllm"
        ? "vLLM takes it whole"
        : offload === "experts"
          ? `experts of ${plural(expertLayers, "layer")}`
          : gpuLayers === null
            ? "all layers on the GPU"
            : `${gpuLayers} of ${model.blocks + 1} on the GPU`,
    turned: (plan, by, { model }) => {
      if (model.engine === "vllm") return plan;
      if (plan.offload === "experts")
        return { ...plan, expertLayers: Math.max(0, Math.min(model.blocks, plan.expertLayers + by)) };
      const most = model.blocks + 1;
      const next = Math.max(0, Math.min(most, (plan.gpuLayers ?? most) + by));
      return { ...plan, gpuLayers: next === most ? null : next };
    },
  },
];

function typeStep({ engine }: MemoryModel, now: string, by: 1 | -1): string {
  return step(
    KV_TYPES[engine].map(({ type }) => type),
    now,
    by,
  );
}
