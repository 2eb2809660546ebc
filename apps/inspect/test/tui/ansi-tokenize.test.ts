/** Frames are written with codes of our own choosing: the same text as with the library's. */
import { styledCharsFromTokens, styledCharsToString, tokenize } from "@alcalzone/ansi-tokenize";
import fc from "fast-check";
import { expect, test } from "vitest";

import * as quick from "../../src/tui/ansi-tokenize.ts";
import { type Line, line } from "../../src/tui/line.ts";
import { paint } from "../../src/tui/paint.ts";

const span = fc.record({
  text: fc.string({ maxLength: 5 }),
  tone: fc.constantFrom("accent" as const, "bad" as const, "bucket.ffn" as const),
  dim: fc.boolean(),
  bold: fc.boolean(),
  inverse: fc.boolean(),
});

test("whatever a line looks like", () => {
  fc.assert(
    fc.property(fc.array(span), fc.boolean(), (spans, color) => {
      const text = paint(line(...spans) as Line, color);
      const cells = styledCharsFromTokens(tokenize(text));
      const own = quick.styledCharsFromTokens(quick.tokenize(text));
      expect(own).toEqual(cells);
      expect(quick.styledCharsToString(own)).toBe(styledCharsToString(cells));
    }),
  );
});
