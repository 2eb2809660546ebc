/** The line on the terminal that counts repos: only where someone watches, never wider than the terminal, and gone in the end. */
import { describe, expect, it } from "vitest";

import { auditProgress } from "../../src/audit/progress.ts";
import { UNPRINTABLE } from "../run-inspect.ts";

/** What a terminal of so many columns shows on its line. */
function terminal(columns: number, isTTY = true) {
  const screen = { line: "", written: 0 };
  const stream = {
    isTTY,
    columns,
    write(text: string) {
      screen.line += text;
      screen.written++;
    },
    cursorTo() {},
    clearLine() {
      screen.line = "";
    },
  };
  return { screen, stream: stream as unknown as NodeJS.WriteStream };
}

describe("progress", () => {
  it("counts repos, those with findings, and requests", async () => {
    const { screen, stream } = terminal(80);
    const progress = await auditProgress({ stream, quiet: false, total: 300 });
    progress.count(34, 12, 1234);
    expect(screen.line).toBe("34/300 repos, 12 with findings, 1,234 requests");
    progress.clear();
    expect(screen.line).toBe("");
  });

  it("says what is read, cut to the terminal, with nothing raw", async () => {
    const { screen, stream } = terminal(20);
    const progress = await auditProgress({ stream, quiet: false, total: 1 });
    progress.tell(`model\u001b[2J\n${"ä".repeat(100)}`);
    expect(screen.line.length).toBe(19);
    expect(screen.line).not.toMatch(UNPRINTABLE);
    expect(screen.line).not.toContain("\n");
  });

  it.each([
    ["--quiet", true, true],
    ["a pipe", false, false],
  ])("with %s there is none", async (_, quiet, isTTY) => {
    const { screen, stream } = terminal(80, isTTY);
    const progress = await auditProgress({ stream, quiet, total: 2 });
    progress.count(1, 0, 1);
    progress.tell("model");
    progress.clear();
    expect(screen.written).toBe(0);
  });
});
