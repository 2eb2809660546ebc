/** Program code where text is expected: in metadata values, plain or encoded. */

/** What a piece of code is called, and how it is known. Bounded repeats only: values are as long as their writers like. */
const CODE: readonly (readonly [what: string, pattern: RegExp])[] = [
  ["a script of a web page", /<script\b|\bjavascript:|\bdata:text\/html\b|\bon(?:error|load)\s{0,5}=\s{0,5}["']/i],
  [
    "a call that runs code",
    /\b(?:eval|exec|execfile|__import__|os\.(?:system|popen|exec[lv]p?e?)|subprocess\.\w{1,20}|pickle\.loads?|marshal\.loads|builtins\.\w{1,20}|importlib\.import_module|b64decode|ctypes\.\w{1,20}|Function)\s{0,5}\(/,
  ],
  [
    "a shell command",
    /\brm\s{1,5}-(?:rf|fr)\b|\b(?:curl|wget)\b[^\n|]{0,200}\|\s{0,5}(?:sudo\s)?(?:ba|z|da)?sh\b|\bpowershell(?:\.exe)?\s{1,5}-|\/dev\/tcp\//i,
  ],
];

/** Most letters of one encoded run that are decoded. */
const MAX_DECODED = 4096;
/** Runs of one value that are decoded. */
const MAX_RUNS = 20;

export interface Code {
  readonly what: string;
  /** The text that shows it, out of the value or out of what it decodes to. */
  readonly excerpt: string;
}

/** @param plain look for scripts of web pages alone: in descriptions, which may speak of code, and in what tools keep */
export function codeIn(text: string, plain = false): Code | undefined {
  for (const [what, pattern] of plain ? CODE.slice(0, 1) : CODE) {
    const match = pattern.exec(text);
    if (match) return { what, excerpt: text.slice(match.index, match.index + 60) };
  }
  if (plain) return undefined;
  for (const decoded of decodedRuns(text)) {
    for (const [what, pattern] of CODE) {
      const match = pattern.exec(decoded);
      if (match) return { what: `${what}, encoded`, excerpt: decoded.slice(match.index, match.index + 60) };
    }
  }
  return undefined;
}

/** Text behind base64 and behind rows of `\x41`. */
function* decodedRuns(text: string): Generator<string> {
  for (const { decoded } of base64Runs(text)) yield decoded;
  let runs = 0;
  for (const { 0: run } of text.matchAll(/(?:\\x[0-9a-f]{2}){8,}/gi)) {
    if (++runs > MAX_RUNS) return;
    yield run
      .slice(0, MAX_DECODED)
      .replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

/** The first runs of base64 that come to ASCII text, and where they stand. */
export function* base64Runs(text: string): Generator<{ decoded: string; at: number }> {
  let runs = 0;
  for (const { 0: run, index } of text.matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g)) {
    if (++runs > MAX_RUNS) return;
    const decoded = fromBase64(run.slice(0, MAX_DECODED));
    if (decoded) yield { decoded, at: index };
  }
}

/** ASCII text out of base64; nothing where it is none. */
function fromBase64(run: string): string | undefined {
  const letters = run.replace(/=+$/, "");
  const whole = letters.slice(0, letters.length - (letters.length % 4 === 1 ? 1 : 0));
  try {
    const text = atob(whole);
    return /^[\t\n\r -~]+$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
