/**
 * Rules on the metadata of one GGUF file as a whole. They are of the specification (ggml docs/gguf.md), which code doesn't
 * enforce, or of llama.cpp's loader.
 */
import type { FindingList } from "../findings.ts";
import { report } from "../rules/rules.ts";
import { grouped, inShort, quoted } from "../words.ts";
import type { GgufMetadataEntry } from "./metadata.ts";

/** Lower-case words with `_`, joined by dots. The names of many architectures have a hyphen too: `gpt-oss.block_count`. */
const KEY_FORM = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/** Longest token that any tokenizer makes, with room to spare: `int32_t` was the least that held a length. */
const MAX_TOKEN_BYTES = 65_536;

const TOKENS_KEY = "tokenizer.ggml.tokens";

/** Reports odd keys in one finding, and the split key of old. */
export function checkKeys(metadata: readonly GgufMetadataEntry[], findings: FindingList): void {
  const odd = metadata.filter(({ key }) => key !== "" && !KEY_FORM.test(key));
  if (odd.length > 0) {
    const names = inShort(
      odd.slice(0, 3).map(({ key }) => quoted(key)),
      odd.length,
    );
    report(findings, "gguf/key-form", {
      message: `${grouped(odd.length)} ${odd.length === 1 ? "metadata key is" : "metadata keys are"} not lower-case words joined by dots: ${names}`,
      ...(odd[0] && { offset: odd[0].headerOffset }),
    });
  }
  const legacy = metadata.find(({ key }) => key === "general.split" || key === "general.split_count");
  if (legacy) {
    report(findings, "gguf/legacy-split", {
      message: `the file carries ${legacy.key}, the key of split files from before March 2024`,
      offset: legacy.headerOffset,
    });
  }
}

/** Reports a token that no tokenizer makes. `longest`: bytes and index of the longest string of the array `key`. */
export function checkTokens(
  key: string,
  longest: { readonly bytes: number; readonly index: number },
  offset: number,
  findings: FindingList,
): void {
  if (key !== TOKENS_KEY || longest.bytes <= MAX_TOKEN_BYTES) return;
  report(findings, "gguf/long-token", {
    message: `token ${grouped(longest.index)} of ${TOKENS_KEY} is ${grouped(longest.bytes)} bytes long`,
    offset,
  });
}
