/** The error of a request: a CheckpointError that also knows whether asking again may help. */
import { CheckpointError, type ErrorCode } from "@checkpoint-inspect/parser";

type ErrorDetails = NonNullable<ConstructorParameters<typeof CheckpointError>[2]>;

/** `once`: what has cost a whole timeout already, or hardly ever passes. */
export type Again = "no" | "once" | "yes";

export interface RequestErrorDetails extends ErrorDetails {
  readonly again?: Again;
  /** The server asks to wait so long first. */
  readonly waitMs?: number | undefined;
  /** Of the answer that the error is about. */
  readonly status?: number;
  readonly headers?: Headers;
}

export class RequestError extends CheckpointError {
  readonly again: Again;
  readonly waitMs: number | undefined;
  readonly status: number | undefined;
  readonly headers: Headers | undefined;

  constructor(code: ErrorCode, message: string, details: RequestErrorDetails = {}) {
    super(code, message, details);
    this.again = details.again ?? "no";
    this.waitMs = details.waitMs;
    this.status = details.status;
    this.headers = details.headers;
  }
}

/** The same error, of the file that was asked for. */
export function ofFile(error: unknown, file: string): unknown {
  if (!(error instanceof RequestError) || error.file !== undefined) return error;
  const { code, message, again, waitMs, cause } = error;
  const told = {
    ...(error.status === undefined ? {} : { status: error.status }),
    ...(error.headers ? { headers: error.headers } : {}),
  };
  return new RequestError(code, message, { file, again, waitMs, cause, ...told });
}
