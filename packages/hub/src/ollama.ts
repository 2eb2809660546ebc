/**
 * Finds a model in the local store of Ollama: a manifest says by digest which blobs it is made of. Nothing is downloaded.
 *
 * Layout: Ollama, `manifests/<host>/<namespace>/<name>/<tag>` and `blobs/sha256-<hex>`; manifests are those of container images
 * with layers of Ollama's own media types (its packages `manifest` and `types/model`).
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import {
  CheckpointError,
  type FileSet,
  fileSource,
  inShort,
  quoted,
  type RepositoryFile,
  splitFileName,
} from "@checkpoint-inspect/parser";

import { type OllamaName, ollamaName } from "./names.ts";
import { readSmallFile, TooLarge } from "./small-file.ts";

export interface OllamaModel {
  /** As `ollama list` shows it: `tiny:1b`, `org/tiny:1b`. */
  readonly label: string;
  /** The weights under names that a folder would have. */
  readonly files: FileSet;
  /** Which file of the set opens the model. */
  readonly entry: string;
  /** The same files with their hashes. */
  readonly listed: readonly RepositoryFile[];
  /** Text of the first licence, where it has at most 256 KiB. */
  readonly license?: string;
}

/** Manifests have some hundred bytes, of models in single tensors some hundred thousand. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_LAYERS = 10_000;
const MAX_CONFIG_BYTES = 1024 * 1024;
const MAX_LICENSE_BYTES = 256 * 1024;
/** Manifests that are looked at to tell which models there are. */
const MAX_MODELS = 2000;

const MEDIA = "application/vnd.ollama.image.";
const DIGEST = /^sha256[:-]([0-9a-f]{64})$/;

/** What a file of each kind is called when the model is called `stem`. Models are first: an adapter alone opens too. */
const WEIGHTS: readonly {
  readonly media: string;
  readonly nameOf: (stem: string, no: number, of: number) => string;
}[] = [
  // Several are parts of one model, in order.
  { media: "model", nameOf: (stem, no, of) => (of === 1 ? `${stem}.gguf` : splitFileName(stem, no, of)) },
  { media: "adapter", nameOf: (stem, no, of) => `adapter-${stem}${numbered(no, of)}.gguf` },
  { media: "projector", nameOf: (stem, no, of) => `mmproj-${stem}${numbered(no, of)}.gguf` },
];

const numbered = (no: number, of: number): string => (of === 1 ? "" : `-${no}`);

interface Layer {
  /** Without Ollama's prefix and without parameters: `model`. */
  readonly media: string;
  /** Hex. */
  readonly sha256: string;
}

/**
 * @param modelsFolder holds `manifests` and `blobs`
 * @param model `[[host/]namespace/]name[:tag]`
 * @throws {CheckpointError} `not-found` when it isn't there or not whole, `unsupported` when its weights are elsewhere or in
 * single tensors, `invalid` and `limit` for a damaged manifest
 */
export async function findInOllama(modelsFolder: string, model: string): Promise<OllamaModel> {
  const asked = ollamaName(model);
  if (!asked) throw new CheckpointError("not-found", `${quoted(model)} can't be the name of an Ollama model`);
  const { name, path } = await findManifest(modelsFolder, asked);
  const label = shortName(name);
  const { layers, config } = await readManifest(path, label);
  const stem = `${name.name}-${name.tag}`;

  const blobs = new Map<string, { path: string; sizeBytes: number; sha256: string }>();
  for (const { media, nameOf } of WEIGHTS) {
    const some = layers.filter((layer) => layer.media === media);
    for (const [i, { sha256 }] of some.entries()) {
      const blob = blobPath(modelsFolder, sha256);
      const stats = await stat(blob).catch(() => undefined);
      if (!stats?.isFile()) throw incomplete(label, sha256);
      blobs.set(nameOf(stem, i + 1, some.length), { path: blob, sizeBytes: stats.size, sha256 });
    }
  }
  const [entry] = blobs.keys();
  if (entry === undefined) throw await noWeights(modelsFolder, label, layers, config);
  const license = await licenseOf(modelsFolder, layers);
  const listed = [...blobs].map(([path, { sizeBytes, sha256 }]) => ({ path, sizeBytes, sha256 }));
  return {
    label,
    entry,
    listed,
    ...(license !== undefined && { license }),
    files: {
      label,
      async list() {
        return listed
          .map(({ path, sizeBytes }) => ({ name: path, sizeBytes }))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
      },
      async open(file) {
        const blob = blobs.get(file);
        if (blob) return fileSource(blob.path, file);
        throw new CheckpointError("not-found", `${label} holds no file ${quoted(file)}`, { file });
      },
    },
  };
}

/** As `ollama list` writes it: without the parts that stand in every name. */
function shortName({ host, namespace, name, tag }: OllamaName): string {
  const official = host === "registry.ollama.ai";
  const front = official ? (namespace === "library" ? [] : [namespace]) : [host, namespace];
  return [...front, `${name}:${tag}`].join("/");
}

/** @throws {CheckpointError} `not-found`, with what is there */
async function findManifest(models: string, asked: OllamaName): Promise<{ name: OllamaName; path: string }> {
  const exact = manifestPath(models, asked);
  if ((await stat(exact).catch(() => undefined))?.isFile()) return { name: asked, path: exact };
  const all = await storedModels(models);
  // Names are the same in capitals and small letters for Ollama.
  const wanted = shortName(asked).toLowerCase();
  const alike = all.find((name) => shortName(name).toLowerCase() === wanted);
  if (alike) return { name: alike, path: manifestPath(models, alike) };
  const there = all.length > 0 ? `it has ${inShort(likely(all, asked), all.length, 6)}` : "it has no models";
  const pull = `pull it with "ollama pull ${shortName(asked)}", or set OLLAMA_MODELS`;
  throw new CheckpointError("not-found", `Ollama's store ${models} has no ${shortName(asked)}: ${there}; ${pull}`);
}

/** The names to show, those of the same model first. */
function likely(all: readonly OllamaName[], { name }: OllamaName): string[] {
  const same = all.filter((one) => one.name.toLowerCase() === name.toLowerCase());
  return [...same, ...all.filter((one) => !same.includes(one))].map(shortName);
}

function manifestPath(models: string, { host, namespace, name, tag }: OllamaName): string {
  return join(models, "manifests", host, namespace, name, tag);
}

/** Every model that the store has a manifest of, by name. What can't be read isn't there. */
async function storedModels(models: string): Promise<OllamaName[]> {
  let paths: string[][] = [[]];
  for (let depth = 0; depth < 4; depth += 1) {
    const next: string[][] = [];
    for (const path of paths) {
      const names = await readdir(join(models, "manifests", ...path)).catch(() => []);
      for (const name of names.sort()) if (next.length < MAX_MODELS) next.push([...path, name]);
    }
    paths = next;
  }
  // Only what could be asked for: files that others have put there are no models.
  return paths.flatMap(([host, namespace, name, tag]) => ollamaName(`${host}/${namespace}/${name}:${tag}`) ?? []);
}

async function readManifest(path: string, label: string): Promise<{ layers: readonly Layer[]; config?: string }> {
  const fail = (code: "invalid" | "limit", why: string): CheckpointError =>
    new CheckpointError(code, `the manifest of ${label} ${why}: pull it again with "ollama pull ${label}"`, {
      file: path,
    });
  let manifest: unknown;
  try {
    manifest = JSON.parse(new TextDecoder().decode(await readSmallFile(path, MAX_MANIFEST_BYTES)));
  } catch (error) {
    if (error instanceof TooLarge) throw fail("limit", `is larger than the ${MAX_MANIFEST_BYTES} bytes that are read`);
    throw fail("invalid", error instanceof SyntaxError ? "is not JSON" : "can't be read");
  }
  const { layers, config } = isObject(manifest) ? manifest : {};
  if (!Array.isArray(layers)) throw fail("invalid", "lists no layers");
  if (layers.length > MAX_LAYERS) throw fail("limit", `lists ${layers.length} layers, more than ${MAX_LAYERS}`);
  const digestOf = (part: unknown): string => {
    const digest = isObject(part) ? part.digest : undefined;
    const sha256 = typeof digest === "string" ? DIGEST.exec(digest)?.[1] : undefined;
    if (sha256 === undefined) throw fail("invalid", `has a digest that is no SHA-256 (${quoted(String(digest))})`);
    return sha256;
  };
  return {
    layers: layers.map((layer: unknown) => ({ media: mediaOf(layer), sha256: digestOf(layer) })),
    ...(isObject(config) && typeof config.digest === "string" && { config: digestOf(config) }),
  };
}

function mediaOf(layer: unknown): string {
  const type = isObject(layer) && typeof layer.mediaType === "string" ? layer.mediaType : "";
  const [name = ""] = type.split(";", 1);
  return name.startsWith(MEDIA) ? name.slice(MEDIA.length).trim() : "";
}

function blobPath(models: string, sha256: string): string {
  return join(models, "blobs", `sha256-${sha256}`);
}

function incomplete(label: string, sha256: string): CheckpointError {
  const message = `${label} is not whole in Ollama's store: the blob sha256-${sha256} is not there; pull it again with "ollama pull ${label}"`;
  return new CheckpointError("not-found", message);
}

async function noWeights(
  models: string,
  label: string,
  layers: readonly Layer[],
  config: string | undefined,
): Promise<CheckpointError> {
  if (layers.some(({ media }) => media === "tensor")) {
    const message = `${label} is stored tensor by tensor, not as one GGUF file, and that isn't read; look at the repo that it was made from`;
    return new CheckpointError("unsupported", message);
  }
  // A model that runs on Ollama's servers names the place in its config.
  const text = config && (await readSmallFile(blobPath(models, config), MAX_CONFIG_BYTES).catch(() => undefined));
  const { remote_host: host } = text ? parsed(text) : {};
  const where = typeof host === "string" && host !== "" ? `it runs at ${quoted(host)}, ` : "";
  return new CheckpointError(
    "unsupported",
    `${label} has no weights on this machine: ${where}so there is nothing to read`,
  );
}

async function licenseOf(models: string, layers: readonly Layer[]): Promise<string | undefined> {
  const layer = layers.find(({ media }) => media === "license");
  const bytes =
    layer && (await readSmallFile(blobPath(models, layer.sha256), MAX_LICENSE_BYTES).catch(() => undefined));
  return bytes && new TextDecoder().decode(bytes);
}

function parsed(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
