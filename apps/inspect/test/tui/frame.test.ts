/** What holds for every screen whatever is pressed, at any size of the terminal. */
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { keyTable } from "../../src/tui/help.ts";
import { KEYMAP } from "../../src/tui/keymap.ts";
import { SCREENS } from "../../src/tui/screen.ts";
import { FIXTURE_TARGETS, FIXTURES, UNPRINTABLE } from "../run-inspect.ts";
import { beginning, journey } from "./journey.ts";

const KEYS = [...new Set(KEYMAP.flatMap(({ keys }) => keys as readonly string[]))].filter((key) => key !== "ctrl-c");
const named = (key: string): string => (key.length === 1 ? key : `<${key}>`);

const SIZE = fc.record({ columns: fc.integer({ min: 20, max: 300 }), rows: fc.integer({ min: 5, max: 100 }) });

describe("a frame", () => {
  it("is as wide and tall as the terminal has room for, whatever was pressed before", async () => {
    const open = await Promise.all(FIXTURE_TARGETS.map((target) => journey(target)));
    const word = fc.constantFrom(...KEYS.map(named), "a", "blk", "layer:1", "\u6f22", "\u{1f642}");
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...open),
        SIZE,
        SIZE,
        fc.array(word, { maxLength: 25 }),
        async (begun, size, other, keys) => {
          // The journey itself measures each frame.
          const walked = await begun.tell({ kind: "resized", size }).press(keys.join(""));
          expect(walked.tell({ kind: "resized", size: other }).lines).toHaveLength(other.rows - 1);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("is plain ASCII where that is asked for", async () => {
    const open = await journey(`${FIXTURES}llama-moe-mixed.gguf`, { ascii: true, size: { columns: 120, rows: 40 } });
    for (const key of "1234567890") {
      for (const more of ["", "?", "i"]) {
        const { text } = await open.press(key + more);
        expect(text.replace(/[\n\x20-\x7e]/g, ""), `screen ${key}${more}`).toBe("");
      }
    }
  });

  it("says what size it needs where there is too little room", async () => {
    const small = await journey(`${FIXTURES}llama-moe-mixed.gguf`, { size: { columns: 59, rows: 24 } });
    expect(small.text).toContain("inspect needs 60x16; this is 59x24");
    expect((await small.press("q")).effects).toEqual([{ kind: "quit" }]);
  });
});

describe("opening", () => {
  it("is never a black screen: it says what, how far, and the way out", async () => {
    const begun = (await beginning("org/name")).tell({
      kind: "opening",
      what: "org/name",
      words: "12 requests, 1.3 MB",
    });
    expect(begun.text).toContain("Opening org/name");
    expect(begun.text).toContain("12 requests, 1.3 MB");
    expect((await begun.press("<escape>")).effects).toEqual([{ kind: "quit" }]);
  });

  it("says why nothing is open", async () => {
    const failed = (await beginning("gone.gguf")).tell({ kind: "failed", problem: "gone.gguf: no such file" });
    expect(failed.text).toContain("gone.gguf: no such file");
    // Every screen takes that, and every key.
    await failed.press(`${KEYS.map(named).join("")}1i2y3Y4ej`);
  });
});

describe("the key map", () => {
  it("names each key once a screen", () => {
    for (const screen of SCREENS) {
      const keys = KEYMAP.filter(
        (row) => "screens" in row && (row.screens as readonly string[]).includes(screen),
      ).flatMap(({ keys }) => keys as readonly string[]);
      expect(new Set(keys).size, screen).toBe(keys.length);
    }
    const everywhere = KEYMAP.filter((row) => !("screens" in row)).flatMap(({ keys }) => keys as readonly string[]);
    expect(new Set(everywhere).size).toBe(everywhere.length);
  });

  it("is the help of each screen", async () => {
    const open = await journey(`${FIXTURES}llama-moe-mixed.gguf`, { size: { columns: 120, rows: 80 } });
    for (const [i, screen] of SCREENS.entries()) {
      const { text } = await open.press(`${(i + 1) % 10}?`);
      for (const row of KEYMAP)
        if (!("screens" in row) || (row.screens as readonly string[]).includes(screen))
          expect(text).toContain(row.help);
    }
  });

  it("is a table with a row for each key", () => {
    expect(keyTable().split("\n")).toHaveLength(KEYMAP.length + 2);
  });

  it("tells whoever presses a key in the wrong place where it works", async () => {
    const open = await journey(`${FIXTURES}llama-moe-mixed.gguf`);
    expect((await open.press("m")).text).toContain("m works on: repo");
    expect((await open.press("x")).text).toContain("x does nothing; ? lists the keys");
  });
});

test("no screen lets a control character out of a file onto the terminal", async () => {
  for (const target of FIXTURE_TARGETS) {
    const open = await journey(target, { size: { columns: 200, rows: 60 } });
    for (const key of "1234567890") expect((await open.press(key)).text).not.toMatch(UNPRINTABLE);
  }
});

test("the mouse, the redraw and the shell are asked of the outside", async () => {
  const open = await journey(`${FIXTURES}llama-moe-mixed.gguf`);
  const { effects } = await open.press("MM<ctrl-l><ctrl-z>q");
  expect(effects).toEqual([
    { kind: "mouse", on: true },
    { kind: "mouse", on: false },
    { kind: "redraw" },
    { kind: "suspend" },
    { kind: "quit" },
  ]);
});

test.each([
  ["m", "md", /^# [\w ]+: llama-moe-mixed\.gguf\n\n```text\n/],
  ["j", "json", /^\{/],
  ["t", "txt", /./],
])("e %s writes any screen as %s", async (key, extension, begin) => {
  const open = await journey(`${FIXTURES}llama-moe-mixed.gguf`);
  for (const [i, screen] of SCREENS.entries()) {
    const { effects, lines } = await open.press(`${(i + 1) % 10}e${key}`);
    const [effect] = effects;
    expect(effect, lines.at(-1)).toMatchObject({ kind: "export", name: `llama-moe-mixed-${screen}.${extension}` });
    if (effect?.kind !== "export") continue;
    expect(effect.text).toMatch(begin);
    if (extension === "json") expect(() => JSON.parse(effect.text)).not.toThrow();
  }
});

test(": goes to a layer by its number and to a tensor by its name", async () => {
  const open = await journey(`${FIXTURES}llama-moe-mixed.gguf`);
  const layer = await open.press(":2<enter>");
  expect(layer.state).toMatchObject({ screen: "layers", shared: { layer: 2 } });
  const tensor = await open.press(":blk.1.attn_q<enter>");
  expect(tensor.state.screen).toBe("tensors");
  expect(tensor.state.subject?.tensors[tensor.state.shared.tensor]?.tensor.name).toBe("blk.1.attn_q.weight");
  // Esc leads back to where one came from.
  expect((await tensor.press("<escape>")).state.screen).toBe("overview");
  expect((await open.press(":no such thing<enter>")).text).toContain("neither a tensor nor a key");
  expect((await open.press(":99<enter>")).text).toContain("no layer 99");
});
