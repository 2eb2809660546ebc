import { expect, test } from "vitest";

import { FIXTURES } from "../run-inspect.ts";
import { journey } from "./journey.ts";

test("the overview says what is open and where its parameters are", async () => {
  const { text } = await journey(`${FIXTURES}llama-dense-mixed.gguf`);
  expect(text).toContain("Where the parameters are");
});

test("Esc never quits, and says what does", async () => {
  const walked = await (await journey(`${FIXTURES}llama-dense-mixed.gguf`)).press("<escape><escape>");
  expect(walked.effects).toEqual([]);
  expect(walked.text).toContain("q leaves");
});
