/**
 * The one error class that the readers throw, and the finding: a problem that doesn't stop the reading.
 *
 * A message gives what is wrong, where (byte offset, tensor), the value, the limit, and what to do next.
 */

export type ErrorCode =
  | "truncated" // the file ends before something that it promises
  | "bad-magic" // not a checkpoint of a format that we read; the message names what it is when that can be told
  | "limit" // a claimed size is above a limit of ours, or above the bytes that are there
  | "unsupported" // a known format or version that this reader doesn't read
  | "invalid" // against the format's rules, and nothing sensible can follow
  | "not-found"
  | "not-on-server" // the server knows no such repo, revision or file
  | "auth"
  | "network";

export interface ErrorDetails {
  /** Name of the file, as the user knows it. */
  readonly file?: string | undefined;
  /** Absolute byte offset in that file. */
  readonly offset?: number | undefined;
  /** Of a file that ends too early: at least so many bytes are missing. */
  readonly missingBytes?: number | undefined;
  readonly cause?: unknown;
}

/** A problem that ends the reading of one file. One line of text, made for the person at the terminal. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  readonly code: ErrorCode;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly missingBytes: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.file = details.file;
    this.offset = details.offset;
    this.missingBytes = details.missingBytes;
  }
}

export type Severity = "error" | "warning" | "note";

/** A problem that doesn't stop the reading. Found in one pass, all of them, never only the first. */
export interface Finding {
  /** `format/what`, lower case with hyphens: `gguf/duplicate-key`. */
  readonly rule: string;
  readonly severity: Severity;
  /** One line: what was found, the value and the limit. */
  readonly message: string;
  /** One line: what goes wrong because of it. */
  readonly why?: string;
  /** One line: what to do. */
  readonly fix?: string;
  /** Name of the part (file) it is in. */
  readonly part?: string;
  readonly tensor?: string;
  /** Absolute byte offset in the part. */
  readonly offset?: number;
}
