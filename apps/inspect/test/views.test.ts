/** The pieces that views are made of: what holds for every text, every share and every table. */
import { formatBytes, formatCount, formatRanges, formatShare, type LayerGroup } from "@checkpoint-inspect/analysis";
import { Chalk } from "chalk";
import fc from "fast-check";
import stringWidth from "string-width";
import { beforeAll, describe, expect, it } from "vitest";

import { type Style, terminalStyle } from "../src/terminal.ts";
import { apportion, bars } from "../src/views/bars.ts";
import { rangeLines, shortRanges } from "../src/views/layer-rows.ts";
import { heading } from "../src/views/parts.ts";
import { type Column, table } from "../src/views/table.ts";
import {
  cut,
  loadWideText,
  padEnd,
  padStart,
  safe,
  safeBlock,
  width,
  withWideText,
  wrap,
  wrapList,
} from "../src/views/text.ts";
import { UNPRINTABLE } from "./run-inspect.ts";

/** Text as it comes: ASCII, any script, emoji built of several code points, controls, halves of pairs. */
const wild = fc.oneof(
  fc.string({ unit: "grapheme-ascii" }),
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        "a",
        " ",
        "漢",
        "字",
        "한",
        "ｱ",
        "é",
        "e\u0301",
        "👍",
        "👩‍👩‍👧",
        "🇩🇪",
        "\x1b[31m",
        "\u202e",
        "\u200b",
        "\x9b",
        "\n",
        "\t",
        "\ud800",
        "\udc00",
      ),
    )
    .map((units) => units.join("")),
);
/** The same as views print it. */
const printable = wild.map(safe);
/** Characters of one and of two columns, mixed: where cutting by columns goes wrong by one. */
const mixed = fc
  .array(fc.constantFrom("a", ".", "漢", "👍", "e\u0301"), { minLength: 3, maxLength: 40 })
  .map((units) => units.join(""));

const plain = (columns: number): Style => ({
  ...terminalStyle({ width: columns, color: false }),
  color: new Chalk({ level: 0 }),
});

describe("text beyond ASCII", () => {
  it("is measured once the tables are there, by rendering again", async () => {
    // The first test of the file: nothing has loaded the tables yet.
    let renders = 0;
    const render = () => {
      renders++;
      return String(width("漢字"));
    };
    expect(await withWideText(render)).toBe("4");
    expect(await withWideText(render)).toBe("4");
    expect(renders).toBe(3);
  });

  it("any other failure of a view comes through", async () => {
    const broken = () => {
      throw new RangeError("broken view");
    };
    await expect(withWideText(broken)).rejects.toThrow("broken view");
  });
});

describe("safe", () => {
  it("leaves nothing but printable characters", () => {
    fc.assert(fc.property(wild, (text) => !UNPRINTABLE.test(safe(text)) && !safe(text).includes("\n")));
  });

  it("in a block of text, keeps line feeds and tabs and nothing else", () => {
    fc.assert(fc.property(wild, (text) => !UNPRINTABLE.test(safeBlock(text).replaceAll("\t", ""))));
    expect(safeBlock("a\r\nb\tc\rd")).toBe("a\nb\tc\\rd");
  });

  it("changes no text that is harmless, and does no more the second time", () => {
    for (const text of ["blk.0.attn_q.weight", "Qwen3 漢字 한글 é 👍", "C:\\models\\x", ""])
      expect(safe(text)).toBe(text);
    fc.assert(fc.property(wild, (text) => safe(safe(text)) === safe(text)));
  });

  it("replaces each character by one that says which it was", () => {
    expect(safe("\x1b[31m\x07\n\r\t\x9b\u202e\u{e0041}\ud800")).toBe(
      "\\x1b[31m\\x07\\n\\r\\t\\x9b\\u202e\\u{e0041}\\ud800",
    );
  });
});

describe("width, cut and pad", () => {
  beforeAll(loadWideText);
  const columns = fc.integer({ min: 1, max: 60 });

  it("width is what the terminal takes", () => {
    fc.assert(fc.property(printable, (text) => width(text) === stringWidth(text)));
    expect([width("漢字"), width("👍"), width("e\u0301"), width("\x1b[31mab\x1b[0m")]).toEqual([4, 2, 1, 2]);
  });

  it("cut is never wider than asked, and changes nothing that fits", () => {
    fc.assert(
      fc.property(fc.oneof(printable, mixed), columns, fc.constantFrom("middle", "end"), (text, room, position) => {
        const short = cut(text, room, position);
        expect(stringWidth(short)).toBeLessThanOrEqual(room);
        if (stringWidth(text) <= room) expect(short).toBe(text);
        else expect(short).not.toBe(text);
      }),
    );
  });

  it("cut keeps the end of a name that is cut in its middle", () => {
    const short = cut("model.layers.17.mlp.experts.3.down_proj.weight", 24, "middle");
    expect(stringWidth(short)).toBe(24);
    expect(short.startsWith("model.")).toBe(true);
    expect(short.endsWith(".weight")).toBe(true);
  });

  it("pad makes text exactly as wide as asked, or leaves it", () => {
    fc.assert(
      fc.property(printable, columns, (text, room) => {
        const wanted = Math.max(room, stringWidth(text));
        expect(stringWidth(padEnd(text, room))).toBe(wanted);
        expect(stringWidth(padStart(text, room))).toBe(wanted);
        expect(padEnd(text, room).startsWith(text)).toBe(true);
        expect(padStart(text, room).endsWith(text)).toBe(true);
      }),
    );
  });

  it("wrap loses no character and makes no line too wide; it breaks only words that no line is long enough for", () => {
    const words = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "漢", "."), minLength: 1, maxLength: 20 }));
    fc.assert(
      fc.property(words, fc.integer({ min: 10, max: 60 }), (list, room) => {
        const lines = wrap(list.join(" "), room);
        expect(lines.join("").replaceAll(" ", "")).toBe(list.join(""));
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(room);
        if (list.every((word) => stringWidth(word) <= room)) expect(lines.join(" ")).toBe(list.join(" "));
      }),
    );
  });
});

describe("wrap and wrapList", () => {
  it("keep a number and its unit on one line, and words around a no-break space", () => {
    const text = "A, with tables; B (no input) 14.60 B, C (neither) 15.10 B, in 1.89 GB; 12\u00a0heads";
    for (let room = 10; room < 60; room++) {
      const lines = wrap(text, room);
      expect(lines.join(" ")).toBe(text.replace("\u00a0", " "));
      for (const line of lines) expect(line).not.toMatch(/^(?:B|GB)\b(?! \()|^heads/);
    }
  });

  it("break a list between its items, and lose none", () => {
    const items = ["0-2", "8-38 every 3rd", "41", "43-47"];
    for (let room = 6; room < 40; room++) {
      const lines = wrapList(items, room);
      expect(lines.join(" ")).toBe(items.join(", "));
      if (room >= 15) expect(lines.some((line) => line.includes("8-38 every 3rd"))).toBe(true);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(room);
    }
  });
});

describe("headings", () => {
  it("wrap, and put an aside that doesn't fit on lines of its own", () => {
    const list = "Layers: 12 text_encoder, 4 unet/down_blocks, 4 unet/up_blocks, 4 vae/decoder.up_blocks";
    for (const room of [40, 60, 80, 100, 120]) {
      const lines = heading(list, plain(room), "137 M parameters stand outside of them").split("\n");
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(room);
      expect(lines.join(" ").replaceAll(/ +/g, " ")).toBe(`${list} 137 M parameters stand outside of them`);
    }
  });
});

describe("lists of layers", () => {
  const group = (ranges: readonly (readonly [number, number])[]) =>
    ({ stack: "text", ranges }) as unknown as LayerGroup;
  const uneven = group([
    [0, 2],
    [4, 5],
    [8, 8],
    [14, 14],
    [17, 17],
    [26, 26],
    [38, 38],
    [44, 46],
  ]);

  it("say evenly spaced ones in short, and where they begin and end", () => {
    const every = (step: number, length: number, count: number) =>
      Array.from({ length: count }, (_, i) => [i * step, i * step + length - 1] as const);
    expect(
      formatRanges([
        [0, 3],
        [6, 6],
        [9, 9],
      ]),
    ).toBe("0-3, 6, 9");
    expect(formatRanges(every(2, 1, 5))).toBe("0-8 every 2nd");
    expect(formatRanges(every(3, 1, 4))).toBe("0, 3, 6, 9");
    expect(formatRanges(every(6, 5, 10))).toBe("5 of 6 in 0-58");
  });

  it("keep both ends in whatever room there is", () => {
    for (let room = 8; room < 50; room++) {
      const short = shortRanges(uneven, false, room, "\u2026");
      expect(short.length).toBeLessThanOrEqual(room);
      expect(short).toMatch(/^0.*46$/);
    }
  });

  it("over several lines are whole", () => {
    expect(rangeLines(uneven, 16).join(" ")).toBe(formatRanges(uneven.ranges));
  });
});

describe("apportion", () => {
  const shares = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 1e12, noNaN: true })), {
    maxLength: 20,
  });
  const units = fc.integer({ min: 0, max: 200 });
  const positive = (list: readonly number[]) => list.filter((share) => share > 0).length;

  it("deals out exactly the units, in whole steps, none below 0", () => {
    fc.assert(
      fc.property(shares, units, (list, all) => {
        const dealt = apportion(list, all);
        expect(dealt).toHaveLength(list.length);
        expect(dealt.every((n) => Number.isInteger(n) && n >= 0)).toBe(true);
        expect(dealt.reduce((a, b) => a + b, 0)).toBe(positive(list) === 0 ? 0 : all);
      }),
    );
  });

  it("shows what is there, and nothing that isn't", () => {
    fc.assert(
      fc.property(shares, units, (list, all) => {
        const dealt = apportion(list, all);
        for (const [i, share] of list.entries()) {
          if (share === 0) expect(dealt[i]).toBe(0);
          else if (all >= positive(list)) expect(dealt[i]).toBeGreaterThan(0);
        }
      }),
    );
  });

  it("gives a larger share no less than a smaller one, but for a sliver", () => {
    fc.assert(
      fc.property(shares, units, (list, all) => {
        const dealt = apportion(list, all);
        for (const [i, a] of list.entries()) {
          for (const [j, b] of list.entries())
            if (a > b) expect((dealt[i] ?? 0) + 1).toBeGreaterThanOrEqual(dealt[j] ?? 0);
        }
      }),
    );
  });

  it("deals fair shares exactly", () => {
    expect(apportion([1, 1, 2], 8)).toEqual([2, 2, 4]);
    expect(apportion([1e9, 1], 10)).toEqual([9, 1]);
    expect(apportion([], 10)).toEqual([]);
  });
});

describe("bars", () => {
  it("are no longer than their cells together, and one step at least for what is there", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-6, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 }),
        (shares) => {
          const drawn = bars(shares, 20, plain(80));
          expect(drawn.every((bar) => stringWidth(bar) >= 1 && stringWidth(bar) <= 20)).toBe(true);
        },
      ),
    );
  });
});

describe("table", () => {
  beforeAll(loadWideText);
  interface Row {
    readonly name: string;
    readonly count: number;
    readonly aside: string;
  }
  const COLUMNS: readonly Column<Row>[] = [
    { title: "name", cell: ({ name }) => name, stretch: true, cutAt: "middle" },
    { title: "count", cell: ({ count }) => String(count), align: "right" },
    { title: "aside", cell: ({ aside }) => aside, optional: 1 },
  ];
  const row = fc.record({
    name: fc.oneof(printable, mixed),
    count: fc.integer({ min: 0, max: 10 ** 9 }),
    aside: fc.string({ unit: fc.constantFrom("x", "漢"), maxLength: 30 }),
  });
  const rows = fc.array(row, { maxLength: 12 });
  const columns = fc.integer({ min: 40, max: 200 });

  it("with a column that stretches is never wider than the terminal", () => {
    fc.assert(
      fc.property(rows, columns, fc.integer({ min: 0, max: 4 }), fc.boolean(), (list, room, indent, header) => {
        const lines = table(list, COLUMNS, plain(room), { indent, header });
        expect(lines).toHaveLength(list.length + (header ? 1 : 0));
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(room);
      }),
    );
  });

  it("stands with its numbers to the right", () => {
    fc.assert(
      fc.property(rows, columns, (list, room) => {
        const lines = table(list, COLUMNS.slice(0, 2), plain(room));
        const ends = new Set(lines.map((line) => stringWidth(line)));
        expect(ends.size).toBe(1);
        for (const [i, { count }] of list.entries()) expect(lines[i + 1]?.endsWith(` ${count}`)).toBe(true);
      }),
    );
  });

  it("leaves out a column that has nothing to say", () => {
    const list = [{ name: "n", count: 1, aside: "" }];
    const titles = table(list, COLUMNS, plain(80))[0];
    expect(titles).toContain("count");
    expect(titles).not.toContain("aside");
  });

  it("folds what it may not cut, and lets columns of higher rank go first", () => {
    const words = "a range of words that say what it is";
    const columns: Column<Row>[] = [
      { title: "count", cell: ({ count }) => String(count) },
      { title: "bar", cell: () => "##########", optional: 3 },
      { title: "words", cell: () => words, stretch: true, optional: 2, fold: (_, room) => wrap(words, room) },
    ];
    const list = [{ name: "", count: 7, aside: "" }];
    const shown = (room: number) => table(list, columns, plain(room), { stretchMin: 24 });
    expect(shown(80).join()).toContain("##########");
    expect(shown(48)).toEqual(["  count  words", `  7      ${words}`]);
    expect(shown(40).slice(1)).toEqual(["  7      a range of words that say what", "         it is"]);
  });

  it("leaves optional columns out before it cuts a name below its least", () => {
    const list = [{ name: "n".repeat(30), count: 1, aside: "y".repeat(30) }];
    expect(table(list, COLUMNS, plain(100)).join("\n")).toContain("yyy");
    const narrow = table(list, COLUMNS, plain(40), { stretchMin: 16 }).join("\n");
    expect(narrow).not.toContain("y");
    expect(narrow).toContain("n".repeat(16 - 1));
  });
});

describe("numbers for people", () => {
  const FORMATS = { formatCount, formatBytes } as const;
  const UNITS: Readonly<Record<string, number>> = {
    "": 1,
    K: 1e3,
    M: 1e6,
    B: 1e9,
    T: 1e12,
    kB: 1e3,
    MB: 1e6,
    GB: 1e9,
    TB: 1e12,
    PB: 1e15,
  };
  const number = fc.oneof(
    fc.integer({ min: 0, max: 2000 }),
    fc.maxSafeNat(),
    // Close to where one unit becomes the next.
    fc
      .tuple(fc.integer({ min: 0, max: 14 }), fc.integer({ min: -2000, max: 2000 }))
      .map(([p, d]) => Math.max(0, 10 ** p + d)),
  );

  describe.each(Object.entries(FORMATS))("%s", (name, format) => {
    const value = (text: string): number => {
      const [, digits = "", unit = ""] = /^([\d.]+)(?: (\w+))?$/.exec(text) ?? [];
      return Number(digits) * (name === "formatBytes" && unit === "B" ? 1 : (UNITS[unit] ?? Number.NaN));
    };

    it("is within half a step of three digits", () => {
      fc.assert(
        fc.property(number, (n) => {
          expect(Math.abs(value(format(n)) - n)).toBeLessThanOrEqual(n < 1000 ? 0 : n * 0.00501);
        }),
      );
    });

    it("never grows smaller as the number grows", () => {
      fc.assert(fc.property(number, number, (a, b) => value(format(Math.min(a, b))) <= value(format(Math.max(a, b)))));
    });

    it("shows 1 to 3 digits before the point in every unit but the last", () => {
      const last = name === "formatBytes" ? 1e18 : 1e15;
      fc.assert(fc.property(number, (n) => n >= last || /^\d{1,3}(?:\.\d{1,2})?(?: \w+)?$/.test(format(n))));
      for (const n of [999, 999_499, 999_500, 999_999, 999_999_999, 999_949_999_999])
        expect(format(n)).not.toMatch(/\d{4}/);
    });
  });

  it("are as they are written elsewhere", () => {
    expect([0, 999, 1000, 1_720_574_976, 999_999].map((count) => formatCount(count))).toEqual([
      "0",
      "999",
      "1.00 K",
      "1.72 B",
      "1.00 M",
    ]);
    expect([0, 1000, 1_107_404_576].map(formatBytes)).toEqual(["0 B", "1.00 kB", "1.11 GB"]);
  });

  it("a share that is there is never 0.0%, and one that isn't whole never 100.0%", () => {
    fc.assert(
      fc.property(fc.double({ min: Number.MIN_VALUE, max: 1 - Number.EPSILON, noNaN: true }), (share) => {
        expect(formatShare(share)).not.toBe("0.0%");
        expect(formatShare(share)).not.toMatch(/^100/);
      }),
    );
    expect([0, 0.0001, 0.1808, 0.9999, 1].map(formatShare)).toEqual(["0.0%", "<0.1%", "18.1%", ">99.9%", "100%"]);
  });
});
