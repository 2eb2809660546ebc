/**
 * Reads a small JSON file beside the weights: config.json, adapter_config.json, model_index.json. One that can't be read is a
 * finding; the weights are shown without it.
 */
import { CheckpointError, type Finding } from "../errors.ts";
import { found } from "../rules/rules.ts";
import { MAX_CONFIG_BYTES } from "../safetensors/limits.ts";
import type { FileSet, ReadOptions } from "../source/byte-source.ts";
import { grouped, oneLine } from "../words.ts";
import type { JsonObject, ModelConfig } from "./checkpoint.ts";

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
      const json: unknown = JSON.parse(text);
      if (typeof json !== "object" || json === null || Array.isArray(json))
        return fault(`${name} is not a JSON object`);
      return { config: { file: name, json: json as JsonObject }, findings: [] };
    } finally {
      await source.close();
    }
  } catch (error) {
    if (error instanceof SyntaxError) return fault(`${name} is not JSON: ${oneLine(error.message)}`);
    if (options.signal?.aborted || !(error instanceof CheckpointError)) throw error;
    return error.code === "not-found" ? { findings: [] } : fault(error.message);
  }
}
