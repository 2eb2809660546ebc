/** Mutated headers of real checkpoints: read or refused, analysed and shown, without a hang, a crash or a surprise. */
import { afterAll, describe, expect, it } from "vitest";

import { endFuzz, foundText, resultText, runFuzz } from "../../../scripts/fuzz.mjs";

/** Printed by a failure, with the number of the case: `node scripts/fuzz.mjs --seed SEED --only NUMBER` makes it again. */
const SEED = 20_261_123;

afterAll(endFuzz);

describe("2,000 mutations of real headers, and of the files beside them", () => {
  it("never hang, crash, throw what is no refusal, or take more than a second or 100 MB", async () => {
    const result = await runFuzz({ seed: SEED, cases: 2000 });
    expect(result.found.map(foundText), resultText(SEED, result)).toEqual([]);
    expect(result.cases).toBe(2000);
    // Neither is everything refused, nor does every mutation do nothing.
    expect(result.read).toBeGreaterThan(400);
    expect(result.refused).toBeGreaterThan(200);
  }, 120_000);
});

describe("a planted fault is found:", () => {
  const planted = [
    ["hang", /^hangs: no answer for 2.5 seconds$/],
    ["slow", /^Error: took 1\d\d\d ms$/],
    ["throw", /^TypeError: a planted fault$/],
    ["overflow", /^RangeError: Maximum call stack size exceeded$/],
    ["memory", /^Error: took \d{3} MB beyond the size of its files$/],
    ["exit", /^the process ended with code 9/],
  ] as const;

  it.each(planted)("%s", async (plant, message) => {
    const { found, cases } = await runFuzz({ seed: SEED, cases: 2, plant, hangMs: 2500 });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ index: 0, message: expect.stringMatching(message) });
    // The next case is tried all the same.
    expect(cases).toBe(2);
  });
});
