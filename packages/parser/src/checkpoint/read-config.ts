/**
 * Reads a small JSON file beside the weights: config.json, adapter_config.json, model_index.json. One that can't be read is a
 * finding; the weights are shown without it.
 */
import type { Finding } from "../errors.ts";
import { found } from "../rules/rules.ts";
import { MAX_CONFIG_BYTES } from "../safetensors/limits.ts";
import type { FileSet, ReadOptions } from "../source/byte-source.ts";
import { grouped, oneLine } from "../words.ts";
import type { JsonObject, ModelConfig } from "./checkpoint.ts";
import { faultOfFile, isAbsent } from "./set-options.ts";

export interface ConfigRead {
  readonly config?: ModelConfig;
  readonly findings: readonly Finding[];
}

/** @param present names in the set; a file that isn't among them isn't tried */
export async function readConfig(
  files: FileSet,
  name: string,
  present: readonly string[],
  options: ReadOptions,
): Promise<ConfigRead> {
  if (!present.includes(name)) return { findings: [] };
  const fault = (message: string): ConfigRead => ({
    findings: [
      found("safetensors/bad-config", {
        message,
        part: name,
      }),
    ],
  });
  try {
    const source = await files.open(name);
    try {
      const { sizeBytes } = source;
      if (sizeBytes > MAX_CONFIG_BYTES) {
        return fault(
          `${name} is ${grouped(sizeBytes)} bytes, above the limit of ${grouped(MAX_CONFIG_BYTES)}; it is not read`,
        );
      }
      const text = new TextDecoder().decode(await source.read(0, sizeBytes, options));
      const json: unknown = parsePythonJson(text);
      if (typeof json !== "object" || json === null || Array.isArray(json))
        return fault(`${name} is not a JSON object`);
      return { config: { file: name, json: json as JsonObject }, findings: [] };
    } finally {
      await source.close();
    }
  } catch (error) {
    if (error instanceof SyntaxError) return fault(`${name} is not JSON: ${oneLine(error.message)}`);
    const failed = faultOfFile(error, options);
    return isAbsent(failed) ? { findings: [] } : fault(failed.message);
  }
}

/** What Python's json module writes for numbers that JSON has no words for, and reads again. */
const PYTHON_NUMBERS = ["NaN", "Infinity", "-Infinity"] as const;

/**
 * JSON, or what Python writes as such: `NaN` and `Infinity` are read as null, which is no value to any rule (Mamba 2's
 * `time_step_limit` of transformers is `[0.0, Infinity]`).
 */
function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = withoutPythonNumbers(text);
    if (plain === undefined) throw error;
    return JSON.parse(plain);
  }
}

/** The text with null in their places; undefined where there are none. One pass, past strings as a whole. */
function withoutPythonNumbers(text: string): string | undefined {
  const pieces: string[] = [];
  let [from, at] = [0, 0];
  while (at < text.length) {
    if (text[at] === '"') {
      at = endOfString(text, at);
      continue;
    }
    const word = PYTHON_NUMBERS.find((one) => text.startsWith(one, at));
    if (word) {
      pieces.push(text.slice(from, at), "null");
      from = at + word.length;
    }
    at += word?.length ?? 1;
  }
  return pieces.length > 0 ? `${pieces.join("")}${text.slice(from)}` : undefined;
}

/** The index behind the quote that closes a string. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}
