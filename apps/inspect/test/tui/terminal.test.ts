/** The browser in a real terminal: what it does to it, and that it leaves it as it was. */
import { afterEach, expect, inject, test } from "vitest";

import { openTerminal, type Terminal, type TerminalOptions } from "../../../../test-support/terminal.ts";
import { FIXTURES, inspect, SHIM } from "../run-inspect.ts";

const TARGET = `${FIXTURES}llama-moe-mixed.gguf`;
const SCREENS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];

const open: Terminal[] = [];
afterEach(() => {
  for (const terminal of open.splice(0)) terminal.close();
});

function browse(
  args: readonly string[] = ["-i", TARGET],
  options: TerminalOptions & { node?: readonly string[] } = {},
) {
  expect(inject("bundleFailure")).toBe("");
  const terminal = openTerminal([...(options.node ?? []), SHIM, ...args], options);
  open.push(terminal);
  return terminal;
}

/** The screen of the shell, with a cursor, without mouse reports and marked pastes. */
async function expectAsItWas(terminal: Terminal): Promise<void> {
  await terminal.ended();
  expect(terminal.buffer()).toBe("normal");
  expect(terminal.lines().join("").trim()).toBe("");
  const { modes } = terminal.emulator;
  expect(modes.bracketedPasteMode).toBe(false);
  expect(modes.mouseTrackingMode).toBe("none");
  expect(terminal.raw().lastIndexOf("\u001b[?25h")).toBeGreaterThan(terminal.raw().lastIndexOf("\u001b[?25l"));
}

test("every screen is a key away, and q leaves the terminal as it was", async () => {
  const terminal = browse();
  await terminal.shows("Where the parameters are");
  expect(terminal.buffer()).toBe("alternate");
  for (const key of SCREENS) {
    terminal.type("?");
    await terminal.shows("Keys on ");
    terminal.type(key);
    await terminal.shows(/^((?!Keys on )[\s\S])*$/);
  }
  terminal.type("q");
  expect((await terminal.ended()).code).toBe(0);
  await expectAsItWas(terminal);
});

test("keys that come in one chunk are each their own", async () => {
  const terminal = browse();
  await terminal.shows("Where the parameters are");
  // Help, then three rows down in it.
  terminal.type("?jjj");
  await terminal.shows(/Keys on overview\s+4-/);
  terminal.type("\u001b");
  await terminal.shows("Where the parameters are");
  terminal.type("q");
  await expectAsItWas(terminal);
});

test("a paste goes into the filter as text, and a mouse report nowhere", async () => {
  const terminal = browse();
  await terminal.shows("Where the parameters are");
  terminal.type("3/");
  await terminal.shows("fuzzy");
  terminal.type("\u001b[200~attn_q\u001b[201~");
  await terminal.shows("/attn_q");
  terminal.type("\u001b[<0;10;5M\u001b[<64;10;5M");
  terminal.type("x");
  await terminal.shows("/attn_qx");
  terminal.type("\u0003");
  await expectAsItWas(terminal);
});

test("a terminal that changes its size gets a frame of that size", async () => {
  const terminal = browse();
  await terminal.shows("Where the parameters are");
  terminal.resize({ columns: 60, rows: 16 });
  // The keys stand on the last line but one, whatever the size.
  await terminal.shows(/\? help {2}q quit/);
  terminal.resize({ columns: 40, rows: 10 });
  await terminal.shows("inspect needs 60x16");
  terminal.resize({ columns: 120, rows: 40 });
  const lines = await terminal.shows(/\? help {2}q quit/);
  expect(lines.findIndex((line) => line.startsWith("? help"))).toBe(38);
  expect(lines[0]).toMatch(/^inspect /);
  terminal.type("q");
  await expectAsItWas(terminal);
});

test.each(["SIGTERM", "SIGHUP", "SIGINT"] as const)("%s leaves the terminal as it was", async (signal) => {
  const terminal = browse();
  await terminal.shows("Where the parameters are");
  terminal.type("M");
  await terminal.shows("mouse on");
  expect(terminal.emulator.modes.mouseTrackingMode).not.toBe("none");
  terminal.kill(signal);
  await expectAsItWas(terminal);
});

test("a crash leaves the terminal as it was, and says what happened", async () => {
  const crash = `process.on("SIGUSR2", () => { throw new Error("on purpose"); });`;
  const terminal = browse(undefined, { node: ["--import", `data:text/javascript,${encodeURIComponent(crash)}`] });
  await terminal.shows("Where the parameters are");
  terminal.kill("SIGUSR2");
  const { code } = await terminal.ended();
  expect(code).not.toBe(0);
  expect(terminal.buffer()).toBe("normal");
  expect(terminal.lines().join("\n")).toContain("on purpose");
});

test("Ctrl-Z stops it on the shell's screen, and SIGCONT brings it back", async () => {
  const terminal = browse();
  await terminal.shows("Where the parameters are");
  terminal.type("\u001a");
  await terminal.shows(/^\s*$/);
  expect(terminal.buffer()).toBe("normal");
  terminal.kill("SIGCONT");
  await terminal.shows("Where the parameters are");
  expect(terminal.buffer()).toBe("alternate");
  terminal.type("q");
  await expectAsItWas(terminal);
});

test("Ctrl-L draws the screen anew over whatever was written across it", async () => {
  const terminal = browse();
  await terminal.shows("Where the parameters are");
  terminal.scribble("\u001b[2J\u001b[Hbroadcast message");
  await terminal.shows("broadcast message");
  terminal.type("\u000c");
  await terminal.shows("Where the parameters are");
  expect(terminal.lines().join("\n")).not.toContain("broadcast");
  terminal.type("q");
  await expectAsItWas(terminal);
});

test("y copies through the terminal, also through tmux", async () => {
  for (const [env, marker] of [
    [{}, "\u001b]52;c;"],
    [{ TMUX: "/tmp/tmux,1,0" }, "\u001bPtmux;\u001b\u001b]52;c;"],
  ] as const) {
    const terminal = browse(undefined, { env });
    await terminal.shows("Where the parameters are");
    terminal.type("Y");
    await terminal.shows(/copied \d+ bytes/);
    const [, base64 = ""] = terminal.raw().split(marker);
    const text = Buffer.from(/^[A-Za-z0-9+/=]*/.exec(base64)?.[0] ?? "", "base64").toString();
    expect(text).toContain("Where the parameters are");
    terminal.type("q");
    await terminal.ended();
  }
});

test("NO_COLOR takes the colours and keeps bold and inverse", async () => {
  const colour = /\u001b\[(?:3[0-7]|9[0-7])m/;
  for (const [env, isColoured] of [
    [{}, true],
    [{ NO_COLOR: "1" }, false],
  ] as const) {
    const terminal = browse(undefined, { env });
    await terminal.shows("Where the parameters are");
    expect(colour.test(terminal.raw())).toBe(isColoured);
    expect(terminal.raw()).toContain("\u001b[7m");
    terminal.type("q");
    await terminal.ended();
  }
});

test("a dumb terminal gets a heading, sentences and a menu, without codes that it doesn't know", async () => {
  const terminal = browse(undefined, { env: { TERM: "dumb" }, columns: 100, rows: 100 });
  await terminal.shows("Menu: 1 over");
  terminal.type("?");
  await terminal.shows("Keys on overview");
  expect(terminal.raw()).not.toContain("\u001b[?1049h");
  terminal.type("q");
  expect((await terminal.ended()).code).toBe(0);
});

test("a screen reader gets the same", async () => {
  const terminal = browse(undefined, { env: { INK_SCREEN_READER: "true" }, columns: 100, rows: 60 });
  const lines = await terminal.shows("Menu: 1 over");
  expect(lines.join("\n")).not.toMatch(/[\u2500-\u259f]/);
  terminal.type("q");
  expect((await terminal.ended()).code).toBe(0);
});

test("in a pipe there is one line on what to do, and exit code 2", async () => {
  for (const args of [
    ["-i", TARGET],
    [TARGET, "-i"],
    ["tui", TARGET],
    ["-i", TARGET, "--ascii"],
  ]) {
    const run = await inspect(args);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toContain("interactive mode needs a terminal; drop -i or pass --json");
  }
});
