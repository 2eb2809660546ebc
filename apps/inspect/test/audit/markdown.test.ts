/** `inspect audit --markdown`: a report whose structure is ours alone, whatever a repo is called. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

import type { LookAtRepo } from "../../src/audit/look.ts";
import { markdownName, markdownTable, markdownText } from "../../src/audit/markdown-text.ts";
import { auditOf, COMMIT, ENDPOINT, lookedFixture, lookUp, networkError, subjectOf, withPickle } from "./repos.ts";

let look: LookAtRepo;
beforeAll(async () => {
  const dense = await lookedFixture("llama-dense-mixed.gguf");
  look = lookUp({
    "acme/sound": { subject: subjectOf("acme/sound", [dense]) },
    "acme/pickle": { subject: withPickle(subjectOf("acme/pickle", [dense])) },
    "acme/lost": { error: networkError() },
  });
});

/** Cells of a table's line, as GitHub splits them: at pipes without a backslash before them. */
const cellsOf = (line: string): string[] => line.split(/(?<!\\)\|/).slice(1, -1);

describe("markdown", () => {
  it("of one repo has its checkpoints and its findings", async () => {
    const { code, stdout } = await auditOf({ repos: ["acme/pickle"], markdown: true }, look);
    expect(code).toBe(1);
    expect(stdout).toMatch(`## Audit of [\`acme/pickle\`](<${ENDPOINT}/acme/pickle>)\n\n**failed**: 1 error\n`);
    expect(stdout).toContain(`- pin it: \`acme/pickle@${COMMIT}\``);
    expect(stdout).toContain("- licence: apache-2.0");
    expect(stdout).toMatch(
      /^\| `llama-dense-mixed\.gguf` \| language model, dense \| `llama` \| 436 K \| Q4\\_K\\_M, 5\.26 bits \|/m,
    );
    expect(stdout).toMatch(
      /^\| error \| `repo\/pickle-file` \| `pytorch_model\.bin` \| pytorch\\_model\.bin is a pickle/m,
    );
  });

  it("of several has a row each, and a section of those with something to say", async () => {
    const repos = ["acme/sound", "acme/pickle", "acme/lost"];
    const { stdout } = await auditOf({ repos, markdown: true }, look);
    expect(stdout).toContain("1 of 3 repos failed, 1 not looked at or not whole.");
    expect(stdout).toMatch(/^\| passed \| \[`acme\/sound`\]/m);
    expect(stdout).toMatch(/^\| failed \| \[`acme\/pickle`\]/m);
    expect(stdout).toMatch(/^\| not looked at \| `acme\/lost` \|/m);
    const sections = stdout.split("\n").filter((line) => line.startsWith("### "));
    expect(sections).toEqual([expect.stringContaining("acme/pickle"), "### `acme/lost`"]);
    expect(stdout).toContain("Couldn't be looked at: hub.test doesn't answer; try again");
  });

  it("has tables whose lines have as many cells as their heads", async () => {
    const evil = "a|b\\|c`|`d\\";
    const subject = withPickle(subjectOf(evil, [], { info: { license: evil } }), `${evil}.bin`);
    const { stdout } = await auditOf({ repos: [evil, "acme/x"], markdown: true }, lookUp({ [evil]: { subject } }));
    let cells = 0;
    for (const line of stdout.split("\n")) {
      if (!line.startsWith("|")) cells = 0;
      else if (cells === 0) cells = cellsOf(line).length;
      else expect(cellsOf(line), line).toHaveLength(cells);
    }
    expect(stdout).not.toContain("\\|");
  });
});

/** What a text may not hold once it is escaped, but for what escapes: comments, entities, backslashes. */
const stripped = (text: string): string =>
  text
    .replace(/<!-- -->/g, "\u0000")
    .replace(/&(?:amp|lt|gt|#\d+);/g, " ")
    .replace(/\\[*_~[\]!]/g, " ");

describe("words of others", () => {
  it.each([
    ["a|b", "a&#124;b"],
    ["<script>&amp;", "&lt;script&gt;&amp;amp;"],
    ["`code`", "&#96;code&#96;"],
    ["**bold** _it_ ~~gone~~", "\\*\\*bold\\*\\* \\_it\\_ \\~\\~gone\\~\\~"],
    ["![x](https://acme.test)", "\\!\\[x\\](https:<!-- -->//acme.test)"],
    ["@acme/team #12 www.acme.test", "@<!-- -->acme/team #<!-- -->12 www<!-- -->.acme.test"],
    ["$x$", "&#36;x&#36;"],
    ["line\nbreak\u202e", "line&#92;nbreak&#92;u202e"],
  ])("%j stays text", (text, markdown) => {
    expect(markdownText(text)).toBe(markdown);
  });

  it("hold nothing that makes structure, whatever they are", () => {
    const character = fc.constantFrom(..."|`<>&\\*_~[]!$@#:/. \nwGH-1", "\u202e", "ä", "\ud800");
    const words = fc.string({ unit: character });
    fc.assert(
      fc.property(words, (text) => {
        expect(stripped(markdownText(text))).not.toMatch(/[|`<>&\\*_~[\]!$\n]|[@#]\w|:\/\/|\bwww\./i);
      }),
    );
    fc.assert(
      fc.property(words, (text) => {
        const name = markdownName(text);
        // Code as it stands, or text in tags.
        const code = /^`([^`|\\\n]*)`$/.exec(name);
        const tagged = /^<code>(.*)<\/code>$/.exec(name);
        if (!code && name !== "") expect(stripped(tagged?.[1] ?? "|")).not.toMatch(/[|`<>&\\*_~[\]!$\n]/);
        expect(cellsOf(markdownTable([name, "b"], [])[0] ?? "")).toHaveLength(2);
      }),
    );
  });
});
