/**
 * What the Hub's API says of a repo, beside its files: access, licence, scans, its own counts. The answer is data of a server: what
 * hasn't the type that it should have is left out.
 *
 * Source: Hub API, `GET /api/models/{id}/revision/{revision}?securityStatus=true`.
 */
import type { RepositoryInfo } from "@checkpoint-inspect/parser";

import { fetchJson } from "./transport/answers.ts";
import type { Transport } from "./transport/transport.ts";

type Fields = Readonly<Record<string, unknown>>;

/** @throws {CheckpointError} `not-on-server`, `auth` or `network` */
export async function repositoryInfo(
  endpoint: string,
  id: string,
  revision: string,
  transport: Transport,
): Promise<RepositoryInfo> {
  const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?securityStatus=true`;
  return infoOf(await fetchJson(transport, url));
}

/** The part of the API's answer that rules look at. */
export function infoOf(answer: unknown): RepositoryInfo {
  const all = fields(answer);
  const card = fields(all.cardData);
  const tags = texts(all.tags);
  const { gated } = all;
  return withoutAbsent({
    commit: text(all.sha),
    lastModified: text(all.lastModified),
    author: text(all.author),
    gated: gated === false || gated === "auto" || gated === "manual" ? gated : undefined,
    private: flag(all.private),
    disabled: flag(all.disabled),
    tags,
    license: text(card.license) ?? texts(card.license)?.[0] ?? tagged(tags, "license:"),
    baseModels: texts(card.base_model) ?? (text(card.base_model) === undefined ? undefined : [text(card.base_model)]),
    libraryName: text(all.library_name) ?? text(card.library_name),
    pipelineTag: text(all.pipeline_tag) ?? text(card.pipeline_tag),
    downloads: count(all.downloads),
    likes: count(all.likes),
    usedStorageBytes: count(all.usedStorage),
    safetensors: safetensorsCount(fields(all.safetensors)),
    gguf: ggufFacts(all.gguf),
    scans: scansOf(all.securityRepoStatus),
  }) as RepositoryInfo;
}

/** Tags and files of scans that are kept: repos have dozens. */
const MOST = 10_000;

function safetensorsCount({ total, parameters }: Fields): RepositoryInfo["safetensors"] {
  const all = count(total);
  if (all === undefined) return undefined;
  const counts = Object.entries(fields(parameters)).filter(
    (pair): pair is [string, number] => count(pair[1]) !== undefined,
  );
  return { total: all, parameters: Object.fromEntries(counts.slice(0, MOST)) };
}

function ggufFacts(value: unknown): RepositoryInfo["gguf"] {
  if (value === undefined || value === null) return undefined;
  const all = fields(value);
  return withoutAbsent({
    total: count(all.total),
    architecture: text(all.architecture),
    contextLength: count(all.context_length),
  }) as RepositoryInfo["gguf"];
}

function scansOf(value: unknown): RepositoryInfo["scans"] {
  const { scansDone, filesWithIssues } = fields(value);
  if (typeof scansDone !== "boolean") return undefined;
  const files = (Array.isArray(filesWithIssues) ? filesWithIssues : []).slice(0, MOST).flatMap((row: unknown) => {
    const { path, level } = fields(row);
    return typeof path === "string" && typeof level === "string" ? [{ path, level }] : [];
  });
  return { done: scansDone, files };
}

function tagged(tags: readonly string[] | undefined, prefix: string): string | undefined {
  return tags?.find((tag) => tag.startsWith(prefix))?.slice(prefix.length);
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function texts(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string").slice(0, MOST) : undefined;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function withoutAbsent(all: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
