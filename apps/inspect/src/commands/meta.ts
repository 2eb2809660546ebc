/** `inspect meta <target> [key]`: the list, one key whole, arrays in part or whole. */
import { reportError } from "@checkpoint-inspect/analysis";
import type { Checkpoint, JsonValue, MetadataElement, MetadataEntry } from "@checkpoint-inspect/parser";

import { type MetaRow, metaView, PREVIEW_ELEMENTS, valueView } from "../views/meta.ts";
import { safeBlock } from "../views/text.ts";
import { type CommonFlags, runOn, UsageError } from "./command.ts";

export interface MetaFlags extends CommonFlags {
  readonly key?: string | undefined;
  readonly from: number;
  /** Elements of an array; 0 for all. */
  readonly limit?: number | undefined;
}

export const META_DEFAULTS = { from: 0 } as const;

/** Elements of one array that a person gets unless told otherwise. */
const PAGE = 50;
/** Arrays up to this stand in the JSON list whole; longer ones show their first elements. */
const JSON_ARRAY = 256;

export function runMeta(flags: MetaFlags): Promise<void> {
  const { key } = flags;
  if (key === undefined) {
    return runOn(
      flags,
      async ({ checkpoint, style }) => metaView(await rows(allEntries(checkpoint), PREVIEW_ELEMENTS), style),
      async ({ checkpoint }) => metaDocument(checkpoint, await rows(checkpoint.metadata, JSON_ARRAY)),
    );
  }
  return runOn(
    flags,
    async ({ checkpoint, style }) => {
      const entry = findKey(checkpoint, key);
      const config = configValue(checkpoint, entry);
      if (typeof config === "object") return safeBlock(JSON.stringify(config, null, 2));
      return valueView(entry, await elements(entry, flags.from, flags.limit ?? PAGE), flags.from, style);
    },
    async ({ checkpoint }) => {
      const entry = findKey(checkpoint, key);
      const { value, type } = entry;
      const config = configValue(checkpoint, entry);
      if (config !== undefined) return { schemaVersion: 1, key: entry.key, type, value: config };
      if (typeof value !== "object") return { schemaVersion: 1, key: entry.key, type, value };
      const shown = await elements(entry, flags.from, flags.limit ?? 0);
      return {
        schemaVersion: 1,
        key: entry.key,
        type,
        elementType: value.elementType,
        length: value.length,
        from: flags.from,
        value: shown,
      };
    },
  );
}

/** What `--json` prints of the whole list. */
export function metaDocument({ config, adapterConfig, error }: Checkpoint, metadata: readonly MetaRow[]): object {
  return {
    schemaVersion: 1,
    metadata: metadata.map(listed),
    ...(config && { config }),
    ...(adapterConfig && { adapterConfig }),
    ...(error && { error: reportError(error) }),
  };
}

async function elements({ value }: MetadataEntry, from: number, limit: number): Promise<readonly MetadataElement[]> {
  if (typeof value !== "object") return [];
  return value.slice(from, limit === 0 ? undefined : from + limit);
}

/** What the JSON files beside the weights are called in keys: `config.hidden_size`, `adapter_config.r`. */
const CONFIGS = [
  { prefix: "config.", of: ({ config }: Checkpoint) => config },
  { prefix: "adapter_config.", of: ({ adapterConfig }: Checkpoint) => adapterConfig },
] as const;

/** config.json and adapter_config.json as entries beside the metadata of the file; what nests is shown as JSON. */
function configEntries(checkpoint: Checkpoint): MetadataEntry[] {
  return CONFIGS.flatMap(({ prefix, of }) =>
    Object.entries(of(checkpoint)?.json ?? {}).map(([key, value]) => {
      const scalar = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
      const type = Array.isArray(value) ? "array" : value === null ? "null" : typeof value;
      return { key: `${prefix}${key}`, type, value: scalar ? value : JSON.stringify(value), part: 0 };
    }),
  );
}

/** The value of an entry that {@link configEntries} made, as it stands in its file. */
export function configValue(checkpoint: Checkpoint, { key }: MetadataEntry): JsonValue | undefined {
  const file = CONFIGS.find(({ prefix }) => key.startsWith(prefix));
  return file?.of(checkpoint)?.json[key.slice(file.prefix.length)];
}

/** Every entry that a person looks for; what each shard of a set repeats stands once. */
export function allEntries(checkpoint: Checkpoint): MetadataEntry[] {
  const seen = new Set<string>();
  const own = checkpoint.metadata.filter(({ key, value, part }) => {
    const repeated = part > 0 && seen.has(`${key} ${String(value)}`);
    seen.add(`${key} ${String(value)}`);
    return !repeated;
  });
  return [...own, ...configEntries(checkpoint)];
}

function rows(entries: readonly MetadataEntry[], most: number): Promise<MetaRow[]> {
  return Promise.all(entries.map(async (entry) => ({ entry, preview: await elements(entry, 0, most) })));
}

function listed({ entry: { key, type, value }, preview }: MetaRow) {
  if (typeof value !== "object") return { key, type, value };
  const whole = preview.length === value.length;
  return { key, type, elementType: value.elementType, length: value.length, [whole ? "value" : "first"]: preview };
}

/** The key as written, or the only one that ends with it (`chat_template`, `block_count`). */
function findKey(checkpoint: Checkpoint, wanted: string): MetadataEntry {
  const metadata = allEntries(checkpoint);
  const exact = metadata.find(({ key }) => key === wanted);
  if (exact) return exact;
  const ending = metadata.filter(({ key }) => key.endsWith(`.${wanted}`));
  if (ending.length === 1) return ending[0] as MetadataEntry;
  const like = (ending.length > 1 ? ending : metadata.filter(({ key }) => key.includes(wanted)))
    .slice(0, 5)
    .map(({ key }) => key);
  throw new UsageError(`no metadata key '${wanted}'${like.length > 0 ? `; did you mean ${like.join(", ")}?` : ""}`);
}
