/**
 * `inspect -i`: the only place that touches the terminal. It opens what was asked for, shows the state's frame, gives keys to the
 * reducer, carries out its effects, and leaves the terminal as it was, however it ends.
 */
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { formatBytes } from "@checkpoint-inspect/analysis";

import { UsageError } from "../commands/usage.ts";
import type { RemoteFlags } from "../open-target.ts";
import { wantsColor } from "../terminal.ts";
import { loadWideText, safe } from "../views/text.ts";
import { frame } from "./frame.ts";
import { toKeys } from "./keys.ts";
import { lineText } from "./line.ts";
import { linearFrame } from "./linear.ts";
import { opener } from "./opener.ts";
import { paint } from "./paint.ts";
import { type Effect, type Event, happen, initialState, press, type State } from "./state.ts";
import { terminalModes } from "./terminal-modes.ts";

export interface BrowseFlags extends RemoteFlags {
  /** One to look at, or two for the diff. */
  readonly targets: readonly string[];
  readonly color?: boolean | undefined;
  readonly ascii?: boolean | undefined;
}

const NEEDS_TERMINAL = "interactive mode needs a terminal; drop -i or pass --json";

/** Ends when the user leaves. @throws {UsageError} without a terminal */
export async function browse(flags: BrowseFlags): Promise<void> {
  const { stdout, stdin, env } = process;
  if (stdout.isTTY !== true || stdin.isTTY !== true) throw new UsageError(NEEDS_TERMINAL);
  const [target = "", other] = flags.targets;
  const isDumb = env.TERM === "dumb";
  const isRead = env.INK_SCREEN_READER === "true";
  const isLinear = isDumb || isRead;
  const color = !isLinear && wantsColor(flags.color);
  // Ink's own chalk knows nothing of NO_COLOR; what it draws is painted here.
  env.FORCE_COLOR = "1";

  const size = () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 });
  let state: State = initialState({ target, size: size(), ascii: flags.ascii ?? isDumb });
  const listeners = new Set<() => void>();
  let lines: readonly string[] = [];
  const draw = (): void => {
    lines = isLinear
      ? linearFrame(state).map((line) => lineText(line).trimEnd())
      : frame(state).map((line) => paint(line, color));
    for (const changed of listeners) changed();
  };
  const tell = (event: Event): void => {
    state = happen(state, event);
    draw();
  };

  const opening = opener(flags, tell);
  const modes = terminalModes(stdout, stdin, { alternate: !isLinear });
  const ink = import("./ink.ts");
  opening.open(target, other);
  const [{ mount }] = await Promise.all([ink, loadWideText()]);

  const carryOut: { readonly [K in Effect["kind"]]: (effect: Extract<Effect, { kind: K }>) => void } = {
    quit: () => mounted.unmount(),
    cancel: () => opening.cancel(),
    suspend: () => {
      if (process.platform === "win32") return tell({ kind: "said", toast: "this system can't suspend" });
      process.once("SIGCONT", () => {
        modes.enter();
        stdin.setRawMode(true);
        redraw();
      });
      modes.leave();
      process.kill(process.pid, "SIGTSTP");
    },
    redraw: () => redraw(),
    mouse: ({ on }) => modes.mouse(on),
    copy: ({ text }) => modes.copy(text),
    export: ({ name, text }) => {
      void write(name, text).then((toast) => tell({ kind: "said", toast }));
    },
    open: ({ target }) => opening.open(target),
    compare: ({ targets: [a, b] }) => opening.compare(a, b),
    load: ({ id, work }) => {
      void work().then(
        (value) => tell({ kind: "loaded", id, result: { value } }),
        (error: unknown) => tell({ kind: "loaded", id, result: { problem: messageOf(error) } }),
      );
    },
  };
  const redraw = (): void => {
    if (isLinear) return;
    modes.clear();
    // Ink doesn't draw a frame that is equal to the last: an empty one goes between them.
    lines = lines.map(() => "");
    for (const changed of listeners) changed();
    setTimeout(draw, REDRAW_MS);
  };

  draw();
  modes.enter();
  const mounted = mount(
    {
      lines: () => lines,
      subscribe: (changed) => {
        listeners.add(changed);
        return () => listeners.delete(changed);
      },
      key: (input, key) => {
        const effects: Effect[] = [];
        for (const name of toKeys(input, key)) {
          const next = press(state, name);
          state = next.state;
          effects.push(...next.effects);
        }
        draw();
        for (const effect of effects) (carryOut[effect.kind] as (effect: Effect) => void)(effect);
      },
    },
    { stdout, stdin, isRead, appends: isDumb },
  );
  const onResize = (): void => {
    if (!isLinear) modes.clear();
    tell({ kind: "resized", size: size() });
  };
  stdout.on("resize", onResize);
  try {
    await mounted.done();
  } finally {
    stdout.off("resize", onResize);
    modes.leave();
    await opening.close();
  }
}

/** Longer than Ink waits between two frames. */
const REDRAW_MS = 25;

/** Into the folder that the user is in, over nothing that is there. */
async function write(name: string, text: string): Promise<string> {
  const dot = name.lastIndexOf(".");
  for (let number = 1; number <= MOST_COPIES; number++) {
    const free = number === 1 ? name : `${name.slice(0, dot)}-${number}${name.slice(dot)}`;
    try {
      await writeFile(resolve(free), text, { flag: "wx" });
      return `wrote ${free}, ${formatBytes(Buffer.byteLength(text))}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") return `can't write ${free}: ${messageOf(error)}`;
    }
  }
  return `can't write ${name}: there are ${MOST_COPIES} of it already`;
}

const MOST_COPIES = 99;

function messageOf(error: unknown): string {
  return safe(error instanceof Error ? error.message : String(error));
}
