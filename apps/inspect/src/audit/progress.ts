/** A line on the terminal that says how far a run over repos has come. */
import { formatExact, plural } from "@checkpoint-inspect/analysis";

import { cut, loadWideText, safe } from "../views/text.ts";

export interface AuditProgress {
  /** Repos done, of those how many with findings, and requests so far. */
  count(done: number, withFindings: number, requests: number): void;
  /** What is being read. */
  tell(what: string): void;
  /** Takes the line away, so that something else can be written. It comes back with the next word. */
  clear(): void;
}

/** No more often than this, in milliseconds: a terminal that is far away is slow. */
const INTERVAL_MS = 100;

const SILENT: AuditProgress = { count() {}, tell() {}, clear() {} };

export interface ProgressOptions {
  readonly stream: NodeJS.WriteStream;
  readonly quiet: boolean;
  /** Repos in all. */
  readonly total: number;
}

/** Says nothing where nobody watches. */
export async function auditProgress({ stream, quiet, total }: ProgressOptions): Promise<AuditProgress> {
  if (quiet || stream.isTTY !== true) return SILENT;
  // What is being read may have any name.
  await loadWideText();
  let shown = false;
  let last = 0;
  let counted = "";
  const wipe = (): void => {
    stream.cursorTo(0);
    stream.clearLine(0);
  };
  const show = (what: string): void => {
    const now = performance.now();
    if (now - last < INTERVAL_MS) return;
    last = now;
    const words = [counted, safe(what)].filter((word) => word !== "").join("  ");
    wipe();
    stream.write(cut(words, (stream.columns || 80) - 1));
    shown = true;
  };
  return {
    count(done, withFindings, requests) {
      const repos = `${formatExact(done)}/${formatExact(total)} repos`;
      counted = `${repos}, ${formatExact(withFindings)} with findings, ${plural(requests, "request")}`;
      show("");
    },
    tell: show,
    clear() {
      if (shown) wipe();
      shown = false;
      last = 0;
    },
  };
}
