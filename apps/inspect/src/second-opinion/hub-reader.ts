/**
 * `parseSafetensorsMetadata` of @huggingface/hub as the other reader: what the Hub counts parameters with. A set is read through
 * its index, everything else file by file.
 */
import { hubCount } from "@checkpoint-inspect/analysis";
import type { Checkpoint, FileSet } from "@checkpoint-inspect/parser";
import { parseSafetensorsMetadata, type SafetensorsParseFromRepo } from "@huggingface/hub";

import { type Account, type Answer, messageOf, type Question, type Reader, type Refusal } from "./account.ts";
import { HUB_CASES } from "./known-cases.ts";
import { LOOPBACK_URL } from "./loopback.ts";
import { OutOfTime } from "./time.ts";

/** It asks for files by repo and revision; ours have neither. */
const REPO = "local/checkpoint";
const PATH = new RegExp(`^${REPO}/(?:resolve|raw)/main/(.+)$`);

/** The file that a path of the Hub's protocol means. */
export function nameOfHubPath(path: string): string | undefined {
  return PATH.exec(path)?.[1];
}

const INDEX = /\.safetensors\.index\.json$/;

type Header = (SafetensorsParseFromRepo & { sharded: false })["header"];

export const reader: Reader = { name: "@huggingface/hub", version: "2.17.5", known: HUB_CASES, ask };

async function ask({ files, checkpoint, fetch }: Question): Promise<Answer> {
  const refusals: Refusal[] = [];
  const parse = async (name: string, part?: string) => {
    try {
      // Segments aren't encoded on its way.
      const path = name.split("/").map(encodeURIComponent).join("/");
      const repo = { type: "model", name: REPO } as const;
      return await parseSafetensorsMetadata({ repo, path, computeParametersCount: true, hubUrl: LOOPBACK_URL, fetch });
    } catch (error) {
      if (error instanceof OutOfTime) throw error;
      refusals.push({ message: messageOf(error), ...(part !== undefined && { part }) });
      return undefined;
    }
  };
  const partOf = new Map(checkpoint.parts.map(({ name }, index) => [name, index] as const));
  const index = await indexOf(files, checkpoint);
  const set = index === undefined ? undefined : await parse(index, index);
  if (set?.sharded) {
    const headers = Object.entries(set.headers).flatMap(([name, header]) => {
      const part = partOf.get(name);
      return part === undefined ? [] : [[part, header] as const];
    });
    return { ...answerOf(headers, checkpoint, [set]), refusals, shards: Object.keys(set.headers) };
  }
  const headers: [number, Header][] = [];
  const parsed: SafetensorsParseFromRepo[] = [];
  for (const [part, { name }] of checkpoint.parts.entries()) {
    const file = await parse(name, name);
    if (!file || file.sharded) continue;
    parsed.push(file);
    headers.push([part, file.header]);
  }
  const all = parsed.length === checkpoint.parts.length;
  return { ...answerOf(headers, checkpoint, all ? parsed : []), refusals };
}

/** The index that the checkpoint was opened by: the only one beside its files that names a set. */
async function indexOf(files: FileSet, { shards, components, parts }: Checkpoint): Promise<string | undefined> {
  if (!shards || components) return undefined;
  const names = (await files.list()).map(({ name }) => name).filter((name) => INDEX.test(name));
  const stem = parts[0]?.name.replace(/[-_]\d+-of-\d+\.safetensors$/, "");
  return (
    names.find((name) => name === `${stem}.safetensors.index.json`) ??
    (names.includes("model.safetensors.index.json") || names.length !== 1 ? undefined : names[0])
  );
}

function answerOf(
  headers: readonly (readonly [number, Header])[],
  checkpoint: Checkpoint,
  counted: readonly SafetensorsParseFromRepo[],
): Omit<Answer, "refusals"> {
  const accounts = new Map(headers.map(([part, header]) => [part, accountOf(header, checkpoint, part)] as const));
  const ours = checkpoint.error || counted.length === 0 ? null : hubCount(checkpoint);
  if (ours === null) return { accounts };
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  const theirs = sum(counted.map(({ parameterCount = {} }) => sum(Object.values(parameterCount))));
  const shown = sum(
    counted.map(({ parameterCount = {}, parameterTotal }) => parameterTotal ?? sum(Object.values(parameterCount))),
  );
  return { accounts, parameters: { ours, theirs }, ...(shown !== theirs && { claimed: shown }) };
}

function accountOf(header: Header, { parts, components = [] }: Checkpoint, part: number): Account {
  const dataStart = parts[part]?.headerBytes ?? 0;
  // Of a pipeline, our names begin with the model's; in the file they don't.
  const owner = components.find(({ firstPart, partCount }) => part >= firstPart && part < firstPart + partCount);
  const prefix = owner ? `${owner.name}/` : "";
  const { __metadata__: metadata, ...tensors } = header;
  return {
    tensors: Object.entries(tensors).map(([name, { dtype, shape, data_offsets }]) => ({
      name: prefix + name,
      shape,
      type: dtype,
      offset: dataStart + data_offsets[0],
    })),
    metadata: Object.entries(metadata ?? {}).map(([key, value]) => ({ key, value })),
  };
}
