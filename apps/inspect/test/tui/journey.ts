/** Walks through the browser as a user does: key strings in, what the screen says out. No terminal, no Ink: state and frame alone. */
import { openCheckpoint } from "@checkpoint-inspect/parser";

import { frame } from "../../src/tui/frame.ts";
import { lineText, lineWidth } from "../../src/tui/line.ts";
import type { Size } from "../../src/tui/screen.ts";
import { type Effect, type Event, happen, initialState, press, type State } from "../../src/tui/state.ts";
import { subjectOf } from "../../src/tui/subject.ts";
import { loadWideText } from "../../src/views/text.ts";

export interface Journey {
  /** `jj<enter>/ffn<escape>`: characters as they are, other keys by their names. Loads what is asked for on the way. */
  press(keys: string): Promise<Journey>;
  tell(event: Event): Journey;
  /** Every line of the terminal, without blanks at its end. */
  readonly lines: readonly string[];
  /** All of it as one text. */
  readonly text: string;
  readonly state: State;
  /** What was asked of the outside since the beginning, loads aside. */
  readonly effects: readonly Effect[];
}

export interface JourneyOptions {
  readonly size?: Size;
  readonly ascii?: boolean;
}

const KEYS = /<([a-z0-9-]+)>|([\s\S])/gu;

/** The browser with a checkpoint open, at 80x24 unless told. */
export async function journey(target: string, options: JourneyOptions = {}): Promise<Journey> {
  const begun = await beginning(target, options);
  const checkpoint = await openCheckpoint(target);
  return begun.tell({ kind: "opened", target, subject: await subjectOf(checkpoint, target) });
}

/** The browser before anything is open. */
export async function beginning(
  target: string,
  { size = { columns: 80, rows: 24 }, ascii = false }: JourneyOptions = {},
) {
  await loadWideText();
  return walk(initialState({ target, size, ascii }), []);
}

function walk(state: State, effects: readonly Effect[]): Journey {
  return {
    async press(keys) {
      let now = state;
      const asked = [...effects];
      for (const [, name, character = ""] of keys.matchAll(KEYS)) {
        const next = press(now, name ?? character);
        now = next.state;
        for (const effect of next.effects) {
          if (effect.kind !== "load") {
            asked.push(effect);
            continue;
          }
          const result = await effect.work().then(
            (value) => ({ value }),
            (error: Error) => ({ problem: error.message }),
          );
          now = happen(now, { kind: "loaded", id: effect.id, result });
        }
        whole(now);
      }
      return walk(now, asked);
    },
    tell: (event) => walk(happen(state, event), effects),
    get lines() {
      return whole(state);
    },
    get text() {
      return whole(state).join("\n");
    },
    state,
    effects,
  };
}

/** Every frame on the way is as large as the terminal has room for, whatever was pressed. */
function whole(state: State): string[] {
  const lines = frame(state);
  const { columns, rows } = state.size;
  if (lines.length !== Math.max(1, rows - 1)) throw new Error(`${lines.length} lines on a terminal of ${rows}`);
  for (const line of lines) {
    if (lineWidth(line) !== columns) throw new Error(`${lineWidth(line)} columns of ${columns}: ${lineText(line)}`);
  }
  return lines.map((line) => lineText(line).trimEnd());
}
