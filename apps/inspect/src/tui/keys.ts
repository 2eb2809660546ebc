/**
 * Names for what arrives from the keyboard. Terminals send several keys in one chunk when one is held down, Backspace as delete, Esc
 * with a meta flag, and mouse reports and pastes as if they were typed: this is where that ends.
 */
import type { Key as InkKey } from "ink";

/** `a`, `G`, `/`, or a name: `up`, `page-down`, `ctrl-d`, `enter`, `escape`. */
export type Key = string;

const NAMED: readonly (readonly [flag: keyof InkKey, name: Key])[] = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "page-up"],
  ["pageDown", "page-down"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  // Before meta, which comes with it.
  ["escape", "escape"],
  // 0x7f is Backspace on every keyboard of today, and Ink calls it delete.
  ["backspace", "backspace"],
  ["delete", "backspace"],
];

/** `[<64;10;5M`: button, column, row; what SGR mouse mode sends behind its escape. */
const MOUSE = /^\[<(\d+);\d+;\d+[Mm]/;
const WHEEL_UP = 64;
const WHEEL_DOWN = 65;
/** What bracketed paste puts around a paste. */
const PASTE = /^\[20[01]~/;

/** The keys of one chunk of input, in order. */
export function toKeys(input: string, key: Partial<InkKey>): Key[] {
  const named = NAMED.find(([flag]) => key[flag] === true);
  if (named) return [named[1]];
  if (key.tab) return [key.shift ? "shift-tab" : "tab"];
  if (key.ctrl && input.length === 1) return [`ctrl-${input.toLowerCase()}`];
  const keys: Key[] = [];
  let rest = input;
  while (rest !== "") {
    const mouse = MOUSE.exec(rest);
    if (mouse) {
      const button = Number(mouse[1]);
      if (button === WHEEL_UP) keys.push("wheel-up");
      if (button === WHEEL_DOWN) keys.push("wheel-down");
      rest = rest.slice(mouse[0].length).replace(/^\u{1b}(?=\[<)/u, "");
      continue;
    }
    const paste = PASTE.exec(rest);
    if (paste) {
      rest = rest.slice(paste[0].length);
      continue;
    }
    const character = String.fromCodePoint(rest.codePointAt(0) as number);
    rest = rest.slice(character.length);
    keys.push(CONTROLS[character] ?? character);
  }
  // Other controls mean nothing here, and must not reach a filter.
  return keys.filter((name) => !/^[\p{Cc}\p{Cs}]$/u.test(name));
}

const CONTROLS: Readonly<Record<string, Key>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\u007f": "backspace",
  "\b": "backspace",
  "\u001b": "escape",
};
