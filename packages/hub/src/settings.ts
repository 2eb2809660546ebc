/** What the environment and the flags say of the Hub, as the other tools of the ecosystem read them. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { oneLine, quoted } from "@checkpoint-inspect/parser";
import envPaths from "env-paths";

export interface HubSettings {
  /** Without a slash at the end: `https://huggingface.co`. */
  readonly endpoint: string;
  /** Sent to the endpoint's origin and to no other. */
  readonly token?: string;
  /** Where the token is from, to be named in messages: `--token`, `HF_TOKEN`, a file's path. */
  readonly tokenFrom?: string;
  /** Nothing may be asked of a server. */
  readonly offline: boolean;
  /** Why, to be named in messages: `--offline`, `HF_HUB_OFFLINE`. */
  readonly offlineFrom?: string;
  /** Cache of huggingface_hub: its `hub` folder. */
  readonly hubCache: string;
  /** Our own cache of headers and listings. */
  readonly headerCache: string;
  /** The models folder of Ollama. */
  readonly ollamaModels: string;
  /** How long to wait for an answer to begin, and for its next bytes, in milliseconds. */
  readonly answerTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** HTTPS_PROXY or its like is set: requests go through it. */
  readonly proxied: boolean;
}

/** A setting that can't be meant: a mistake of use, not of a checkpoint. One line, without any secret in it. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

export interface SettingsFlags {
  readonly token?: string | undefined;
  readonly offline?: boolean | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export const PUBLIC_ENDPOINT = "https://huggingface.co";

/** Seconds, as huggingface_hub has it for both of its timeouts. */
const DEFAULT_TIMEOUT_S = 10;
/** What a timer takes at most. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** Tokens have some 40 characters. */
const MAX_TOKEN_BYTES = 4096;
const TRUE = new Set(["1", "ON", "YES", "TRUE"]);
const TOKEN_VARIABLES = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"];
const OFFLINE_VARIABLES = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];
const PROXY_VARIABLES = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];
/** Where Ollama keeps its models when it runs as a service on Linux: the home of its own user (its install script). */
const OLLAMA_SERVICE_MODELS = "/usr/share/ollama/.ollama/models";

/**
 * Flags go before variables. Names, order and meaning of the variables are those of huggingface_hub (its page "Environment
 * variables") and Ollama (its FAQ); an empty variable is none. CHECKPOINT_INSPECT_CACHE is ours.
 * @throws {SettingsError}
 */
export async function hubSettings(flags: SettingsFlags, env: Environment = process.env): Promise<HubSettings> {
  const offlineFrom = flags.offline === true ? "--offline" : offlineVariable(env);
  const ownCache = folderOf(env, "CHECKPOINT_INSPECT_CACHE");
  return {
    endpoint: hubEndpoint(env),
    ...(await tokenOf(flags.token, env)),
    offline: offlineFrom !== undefined,
    ...(offlineFrom !== undefined && { offlineFrom }),
    hubCache: folderOf(env, "HF_HUB_CACHE") ?? folderOf(env, "HUGGINGFACE_HUB_CACHE") ?? join(hubHome(env), "hub"),
    headerCache: ownCache ?? envPaths("checkpoint-inspect", { suffix: "" }).cache,
    ollamaModels: await ollamaFolder(env),
    answerTimeoutMs: timeoutOf(env, "HF_HUB_ETAG_TIMEOUT"),
    stallTimeoutMs: timeoutOf(env, "HF_HUB_DOWNLOAD_TIMEOUT"),
    proxied: PROXY_VARIABLES.some((name) => variable(env, name) ?? variable(env, name.toLowerCase())),
  };
}

/**
 * The Hub that is asked: HF_ENDPOINT, or the public one. It may stand below a path of its server (mirrors do).
 * @throws {SettingsError}
 */
function hubEndpoint(env: Environment): string {
  const value = variable(env, "HF_ENDPOINT");
  if (value === undefined) return PUBLIC_ENDPOINT;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) throw notAnEndpoint(value, "it must begin with https:// or http://");
  if (url.username + url.password !== "") {
    throw notAnEndpoint(value, "it must not hold a user name or a password; a token goes into HF_TOKEN");
  }
  if (url.search + url.hash !== "") throw notAnEndpoint(value, "it must end before any ? or #");
  return `${url.origin}${withoutSlashes(url.pathname)}`;
}

function notAnEndpoint(value: string, why: string): SettingsError {
  // Not quoted where it may hold a password.
  return new SettingsError(`HF_ENDPOINT${value.includes("@") ? "" : ` ${quoted(value)}`} is no Hub: ${why}`);
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (path[end - 1] === "/") end -= 1;
  return path.slice(0, end);
}

/** A variable, trimmed. Empty ones are none. */
function variable(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

const isTrue = (value: string | undefined): boolean => TRUE.has((value ?? "").toUpperCase());

/** The first variable that says anything decides: HF_HUB_OFFLINE=0 goes before TRANSFORMERS_OFFLINE=1. */
function offlineVariable(env: Environment): string | undefined {
  const said = OFFLINE_VARIABLES.find((name) => variable(env, name) !== undefined);
  return said !== undefined && isTrue(variable(env, said)) ? said : undefined;
}

function timeoutOf(env: Environment, name: string): number {
  const value = variable(env, name);
  const seconds = value === undefined ? DEFAULT_TIMEOUT_S : Number(value);
  if (!(seconds > 0)) {
    throw new SettingsError(`${name} must be a number of seconds above 0, and is ${quoted(value ?? "")}`);
  }
  return Math.min(Math.ceil(seconds * 1000), MAX_TIMEOUT_MS);
}

function home(env: Environment): string {
  return env[process.platform === "win32" ? "USERPROFILE" : "HOME"] || homedir();
}

/** A folder that a variable names, absolute, with `~` and `$NAME` put in as huggingface_hub does. */
function folderOf(env: Environment, name: string): string | undefined {
  const value = variable(env, name);
  if (value === undefined) return undefined;
  const expanded = value.replace(/^~(?=[/\\]|$)/, () => home(env));
  return resolve(expanded.replace(/\$(?:\{(\w+)\}|(\w+))/g, (all, long, short) => env[long ?? short] ?? all));
}

function hubHome(env: Environment): string {
  const own = folderOf(env, "HF_HOME");
  return own ?? join(folderOf(env, "XDG_CACHE_HOME") ?? join(home(env), ".cache"), "huggingface");
}

async function ollamaFolder(env: Environment): Promise<string> {
  const own = folderOf(env, "OLLAMA_MODELS");
  if (own !== undefined) return own;
  const usual = join(home(env), ".ollama", "models");
  if (process.platform !== "linux" || (await isFolder(usual)) || !(await isFolder(OLLAMA_SERVICE_MODELS))) return usual;
  return OLLAMA_SERVICE_MODELS;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function tokenOf(flag: string | undefined, env: Environment): Promise<Pick<HubSettings, "token" | "tokenFrom">> {
  if (flag !== undefined) {
    const token = checkToken(flag, "--token");
    if (token === undefined) throw new SettingsError("--token is empty: give a token, or leave the flag out");
    return { token, tokenFrom: "--token" };
  }
  if (isTrue(variable(env, "HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return {};
  for (const name of TOKEN_VARIABLES) {
    const token = checkToken(env[name] ?? "", name);
    if (token !== undefined) return { token, tokenFrom: name };
  }
  const file = folderOf(env, "HF_TOKEN_PATH") ?? join(hubHome(env), "token");
  const token = checkToken(await textOfTokenFile(file), file);
  return token === undefined ? {} : { token, tokenFrom: file };
}

/** A token goes into a header line as it is: a line break in it would begin another. */
function checkToken(text: string, from: string): string | undefined {
  const token = text.trim();
  if (token === "") return undefined;
  if (token.length > MAX_TOKEN_BYTES) throw new SettingsError(`the token of ${oneLine(from)} is far too long for one`);
  if (!/^[\x21-\x7e]+$/.test(token)) {
    const what = /[\r\n]/.test(token)
      ? "a line break"
      : "a character that no token has (a space, a control, not ASCII)";
    throw new SettingsError(`the token of ${oneLine(from)} holds ${what}: copy it again from the Hub's settings page`);
  }
  return token;
}

/** Empty when there is no such file. It may be a pipe. */
async function textOfTokenFile(path: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path);
    const bytes = new Uint8Array(MAX_TOKEN_BYTES + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return new TextDecoder().decode(bytes.subarray(0, length));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(code)) return "";
    throw new SettingsError(
      `the token file ${quoted(path)} can't be read (${code}): make it readable, or set HF_TOKEN`,
    );
  } finally {
    await handle?.close();
  }
}
