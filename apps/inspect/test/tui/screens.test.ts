/** Every screen, walked with the keys that it has: key strings in, what the screen says out. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { formatBytes, formatCount, formatExact, formatMemory } from "@checkpoint-inspect/analysis";
import { openCheckpoint, writeGguf } from "@checkpoint-inspect/parser";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

import { describeReal, expandHeads } from "../../../../test-support/real-data.ts";
import { folderCollection } from "../../src/tui/collect.ts";
import { frame } from "../../src/tui/frame.ts";
import { opener } from "../../src/tui/opener.ts";
import { paint } from "../../src/tui/paint.ts";
import type { Event } from "../../src/tui/state.ts";
import { FIXTURES, inspect, jsonOf, UNPRINTABLE } from "../run-inspect.ts";
import { beginning, type Journey, journey } from "./journey.ts";

const DENSE = `${FIXTURES}llama-dense-mixed.gguf`;
const MOE = `${FIXTURES}llama-moe-mixed.gguf`;
/** The same on every machine: the planner shows the path in its command. */
const HERE = relative(process.cwd(), MOE);

describe("overview", () => {
  it("counts by parameters or bytes, and Enter leads to a bucket's tensors and back", async () => {
    const open = await journey(MOE);
    expect(open.text).toContain("by bytes");
    expect((await open.press("b")).text).toContain("by parameters");
    expect((await open.press("bb")).text).toMatch(/\d\.\d\d bits/);
    const there = await open.press("j<enter>");
    expect(there.text).toContain("filter: bucket:attention");
    expect((await there.press("<escape>")).text).toContain("Where the parameters are");
  });

  it("explains what is under the cursor with the model's own numbers", async () => {
    const { text } = await (await journey(MOE, { size: { columns: 100, rows: 80 } })).press("ji");
    expect(text).toContain("Attention");
    expect(text).toContain("In llama-moe-mixed.gguf");
  });

  it("scrolls to its end and back", async () => {
    const open = await journey(MOE);
    expect((await open.press("G")).text).toContain("What it takes to run");
    expect((await open.press("Gg")).text).toBe(open.text);
  });
});

describe("layers", () => {
  it("shows a layer's parts with their types, and the layer follows the keys", async () => {
    const open = await (await journey(DENSE)).press("2");
    expect(open.text).toContain("layer 0 \u00b7");
    expect(open.text).toMatch(/F down .*Q\d/);
    expect((await open.press("ll")).text).toContain("layer 2 \u00b7");
    expect((await open.press("llh")).text).toContain("layer 1 \u00b7");
    // No further than the last.
    expect((await open.press("l".repeat(99))).text).toContain("Heaviest");
  });

  it("t and Enter lead to the tensors of the layer and of a part", async () => {
    const open = await (await journey(DENSE)).press("2l");
    expect((await open.press("t")).text).toContain("filter: layer:1");
    const part = await open.press("<enter>");
    expect(part.text).toMatch(/filter: layer:1 bucket:\w+ part:\w+/);
    expect((await part.press("<escape>")).state.screen).toBe("layers");
  });

  it("d finds the next layer that is unlike, or says that there is none", async () => {
    const apart = await (await journey(DENSE)).press("2d");
    expect(apart.state.shared.layer).not.toBe(0);
    expect((await (await journey(`${FIXTURES}llama-tiny-safetensors`)).press("2d")).text).toContain(
      "all layers are alike",
    );
  });

  it("f looks at one bucket, + and - move the split, i says how the size comes about", async () => {
    const open = await (await journey(MOE)).press("2");
    expect((await open.press("f")).text).toContain("embedding alone");
    const attention = await open.press("ff");
    expect(attention.text).toContain("bytes of attention per layer");
    expect((await attention.press("<escape>")).text).toContain("all buckets");
    expect((await open.press("+")).text).not.toBe(open.text);
    expect((await open.press("+_")).text).toBe(open.text);
    expect((await open.press("i")).text).toContain("bits per weight");
  });
});

describe("tensors", () => {
  it("filters as one types; Enter keeps it, Esc clears it", async () => {
    const open = await (await journey(MOE)).press("3");
    const typed = await open.press("/attn_q");
    expect(typed.text).toContain("Tensors 3/32");
    expect(typed.lines.at(-1)).toContain("/attn_q");
    expect((await typed.press("<escape>")).text).toContain("Tensors 32");
    const kept = await typed.press("<enter>");
    expect(kept.lines.at(-1)).toContain("? help");
    expect((await kept.press("<escape>")).text).toContain("Tensors 32");
    expect((await open.press("/~bqw<enter>")).text).toContain("attn_q.weight");
    expect((await open.press("/zzz<enter>")).text).toContain("no tensor passes the filter");
  });

  it("takes the terms of the command, and says what is wrong with one without losing the rows", async () => {
    const open = await (await journey(MOE)).press("3");
    expect((await open.press("/layer:1 bucket:expert<enter>")).text).toContain("blk.1.ffn_down_exps");
    const half = await open.press("/attn_q bucket:no");
    expect(half.text).toContain("bucket:no is none of");
    expect(half.text).toContain("blk.0.attn_q.weight");
    expect((await open.press("/size:>10k<enter>")).text).not.toContain("attn_norm");
  });

  it("sorts by each column and the other way round", async () => {
    const open = await (await journey(MOE)).press("3");
    const bySize = await open.press("s");
    expect(bySize.text).toContain("bytes\u25be");
    expect(bySize.text).toContain("sorted by size, largest first");
    const least = await bySize.press("S");
    expect(least.text).toContain("bytes\u25b4");
    expect(least.lines[4]).not.toBe(bySize.lines[4]);
  });

  it("moves by rows, pages and ends; n and N go round", async () => {
    const open = await (await journey(MOE)).press("3");
    const cursor = async (keys: string) =>
      ((await open.press(keys)).state.own.tensors as { window: { cursor: number } }).window.cursor;
    expect(await cursor("jjk")).toBe(1);
    expect(await cursor("G")).toBe(31);
    expect(await cursor("Gg")).toBe(0);
    expect(await cursor("N")).toBe(31);
    expect(await cursor("Nn")).toBe(0);
    expect(await cursor("<page-down><page-up>")).toBe(0);
    expect(await cursor("<ctrl-d><ctrl-u>")).toBe(0);
    expect(await cursor("<wheel-down><wheel-down><wheel-up>")).toBe(3);
    expect(await cursor("<down><down><up><end><home>")).toBe(0);
  });

  it("has a tree that opens and closes", async () => {
    const tree = await (await journey(MOE)).press("3T");
    expect(tree.text).toContain("Tensors by name");
    const opened = await tree.press("Gl");
    expect(opened.text).not.toBe(tree.text);
    expect((await opened.press("h")).text).toBe((await tree.press("G")).text);
    expect((await tree.press("T")).text).not.toContain("by name");
  });

  it("pins rows, drops columns, shows more detail, and opens a page on a tensor", async () => {
    const open = await (await journey(MOE)).press("3");
    expect((await open.press("j jj")).text).toContain("\u2022");
    expect((await open.press("c")).text).toMatch(/\d columns; c for fewer/);
    expect((await open.press("__")).text).toContain("lies ");
    const page = await open.press("<enter>");
    expect(page.text).toContain("How its size comes about");
    expect((await page.press("<escape>")).text).toContain("Tensors 32");
    expect((await open.press("i")).text).toContain("bytes.");
  });

  it("what is chosen follows to the layers", async () => {
    const there = await (await journey(MOE)).press("3/blk.2.attn_q<enter>gj2");
    expect(there.text).toContain("layer 2 \u00b7");
  });

  it("copies the row exactly", async () => {
    const { effects } = await (await journey(MOE)).press("3/blk.1.attn_q.weight<enter>y");
    expect(effects).toEqual([
      { kind: "copy", text: expect.stringMatching(/^blk\.1\.attn_q\.weight 64x128 \w+ 8192 parameters \d+ bytes$/) },
    ]);
  });
});

describe("quantization", () => {
  it("shows the mix and leads to the tensors of a type", async () => {
    const open = await (await journey(DENSE)).press("4");
    expect(open.text).toContain("bits per weight");
    expect(open.text).toContain("By role");
    expect((await (await journey(DENSE, { size: { columns: 80, rows: 40 } })).press("4")).text).toContain(
      "Along the layers",
    );
    expect((await open.press("<enter>")).text).toContain("filter: type:");
    expect((await open.press("jw")).text).toContain("filter: type:");
    expect((await open.press("b")).text).toContain("mix by parameters");
    expect((await open.press("i")).text).toContain("Quantization stores them with fewer bits");
  });
});

describe("memory planner", () => {
  it("fields turn, hypothetical settings are marked, r resets", async () => {
    const open = await (await journey(MOE)).press("5");
    expect(open.text).not.toContain("PLAN");
    expect(open.text).toContain("tokens on 24GB: fits");
    const half = await open.press("h");
    expect(half.text).toContain("PLAN");
    expect(half.text).toContain("1,024");
    expect((await half.press("r")).text).not.toContain("PLAN");
    expect((await open.press("jl")).text).toContain("bf16");
    expect((await open.press("jjj<enter>")).text).toMatch(/slots +\u25c2 2 /);
    expect((await open.press("jjjjhhhh")).text).toContain("Choose a GPU above");
  });

  it("o turns from layers to experts", async () => {
    const open = await (await journey(MOE)).press("5o");
    expect(open.text).toContain("routed experts stay in RAM");
    expect((await open.press("l")).text).toContain("experts of 1 layer ");
    expect((await (await journey(DENSE)).press("5o")).text).toContain("a dense model");
  });

  it("i explains the row under the cursor with formula and inputs", async () => {
    const page = await (await journey(MOE)).press("5i");
    expect(page.text).toContain("How it comes about: kv");
    expect(page.text).toContain("formula");
  });
});

describe("experts", () => {
  it("says what a token uses, and what other numbers would", async () => {
    const open = await (await journey(MOE)).press("6");
    expect(open.text).toContain("8 per layer, 2 used, none shared");
    const more = await open.press("l");
    expect(more.text).toContain("PLAN");
    expect(more.text).toContain("8 per layer, 3 used");
    expect((await more.press("r")).text).not.toContain("PLAN");
    expect((await open.press("jl")).state.shared.layer).toBe(1);
    expect((await open.press("t")).text).toContain("filter: layer:0 bucket:expert");
    expect((await open.press("o")).text).toContain("experts of 0 layers");
  });

  it("tells of a dense model what a mixture would be", async () => {
    expect((await (await journey(DENSE)).press("6")).text).toContain("This model is dense");
  });
});

describe("metadata", () => {
  it("branches close and open, arrays come when one looks at them", async () => {
    const open = await (await journey(MOE)).press("7");
    const closed = await open.press("h");
    expect(closed.text).toContain("\u25b8 general");
    expect((await closed.press("l")).text).toBe(open.text);
    const found = await open.press("/tokens<enter>jn");
    expect(found.text).toContain("tokenizer");
    expect([...found.state.loaded.keys()].some((key) => key.includes("tokens"))).toBe(true);
    expect((await found.press("<enter>")).text).toContain("Esc back");
  });

  it("n and N go between leaves, r shows types, + and - move the pane, v the template, i the meaning", async () => {
    const open = await (await journey(MOE)).press("7");
    expect((await open.press("n")).state.own.meta).not.toEqual(open.state.own.meta);
    expect((await open.press("nN")).text).not.toBe(open.text);
    expect((await open.press("r")).text).toContain("string");
    expect((await open.press("+")).text).not.toBe(open.text);
    expect((await open.press("_")).text).not.toBe(open.text);
    expect((await open.press("v")).text).toContain("Chat template");
    expect((await open.press("ni")).text).toContain("program code runs the model");
  });
});

describe("findings", () => {
  it("says that nothing was found, or what", async () => {
    const fine = await (await journey(DENSE)).press("9");
    expect(fine.text).toContain("0 errors, 0 warnings");
    expect((await fine.press("<enter>")).text).toContain("no findings here");
    expect((await fine.press("f")).text).toContain("errors alone");
  });
});

describeReal("findings of a bad file", () => {
  it("are listed, explained and lead to the tensor", async () => {
    const { realData, listReal } = await import("../../../../test-support/real-data.ts");
    const [name = ""] = listReal("gguf-bad").filter((file) => file.endsWith(".gguf") && /dup/.test(file));
    const checkpoint = await openCheckpoint(realData("gguf-bad", name)).catch(() => undefined);
    if (!checkpoint) return;
    await checkpoint.close();
    const open = await (await journey(realData("gguf-bad", name))).press("9");
    expect(open.text).toMatch(/[1-9]\d* errors?/);
    expect((await open.press("i")).text).toContain("looks for");
    expect((await open.press("nN/gguf<enter>f+_")).text).toContain("Findings");
  });
});

describe("repository and diff", () => {
  let open: Journey;
  beforeAll(async () => {
    const collection = await folderCollection(DENSE);
    if (!collection) throw new Error("the fixtures are several checkpoints");
    open = (await journey(DENSE)).tell({ kind: "collected", target: DENSE, collection });
  });

  it("lists what lies beside the file; filters, sorts, opens", async () => {
    const repo = await open.press("0");
    expect(repo.text).toContain("llama-dense-mixed");
    expect(repo.text).toContain("open");
    const filtered = await repo.press("/moe<enter>");
    expect(filtered.text).toContain("filter: moe");
    expect((await filtered.press("<enter>")).effects).toEqual([{ kind: "open", target: MOE }]);
    expect((await repo.press("s")).text).toContain("sorted by size");
    expect((await repo.press("S")).text).not.toBe(repo.text);
    expect((await repo.press("nN")).text).toBe(repo.text);
    expect((await repo.press("i")).text).toContain("bytes in 1 file");
  });

  it("two marks ask for a diff, a mark twice is none", async () => {
    const repo = await open.press("0g");
    expect((await repo.press("m")).text).toContain("marked; mark another one");
    expect((await repo.press("mm")).text).toContain("no longer marked");
    const [effect] = (await repo.press("mjm")).effects;
    expect(effect?.kind).toBe("compare");
  });

  it("says how to compare where nothing is", async () => {
    expect((await open.press("8")).text).toContain("Nothing is compared yet");
    expect((await (await journey(DENSE)).press("0")).text).toContain("a checkpoint alone");
  });

  it("shows what differs, by kind, group and tensor; = swaps", async () => {
    const events: Event[] = [];
    await new Promise<void>((done) => {
      const opening = opener({}, (event) => {
        events.push(event);
        if (event.kind === "compared" || event.kind === "failed") done();
      });
      opening.compare(DENSE, MOE);
    });
    const compared = events.find((event) => event.kind === "compared");
    if (!compared) throw new Error("no comparison came");
    const diff = open.tell(compared);
    expect(diff.text).toContain("matched ");
    expect(diff.lines[2]).toMatch(/^A llama-dense-mixed/);
    expect((await diff.press("<enter>")).text.length).toBeGreaterThan(0);
    expect((await diff.press("l")).state.own.diff).not.toEqual(diff.state.own.diff);
    expect((await diff.press("lh")).text).toBe(diff.text);
    expect((await diff.press("f")).text).toContain("only:");
    expect((await diff.press("/attention<enter>")).text).toContain("filter: attention");
    expect((await diff.press("nN")).text).toBe(diff.text);
    expect((await diff.press("i")).text).toContain("What differs");
    expect((await diff.press("=")).effects).toEqual([{ kind: "compare", targets: [MOE, DENSE] }]);
  });
});

describe("opening", () => {
  const told = (target: string, isLast: (event: Event) => boolean) =>
    new Promise<Event[]>((done) => {
      const events: Event[] = [];
      const opening = opener({}, (event) => {
        events.push(event);
        if (isLast(event)) void opening.close().then(() => done(events));
      });
      opening.open(target);
    });

  it("tells of the files beside it, then what was asked for", async () => {
    const events = await told(DENSE, ({ kind }) => kind === "opened");
    expect(events.map(({ kind }) => kind)).toEqual(["collected", "opened"]);
  });

  it("of a folder of several nothing is opened until one is chosen", async () => {
    const events = await told(FIXTURES.replace(/\/$/, ""), ({ kind }) => kind === "chosen" || kind === "failed");
    let walked = await beginning(FIXTURES);
    for (const event of events) walked = walked.tell(event);
    expect(walked.state.screen).toBe("repo");
    expect(walked.text).toContain("llama-moe-mixed");
    expect((await walked.press("1")).text).toContain("nothing is open yet");
  });

  it("says what is wrong in the words of the command", async () => {
    const [event] = await told("no-such-file.gguf", ({ kind }) => kind === "failed");
    const { stderr } = await inspect(["no-such-file.gguf"]);
    expect(event?.kind === "failed" && stderr.includes(event.problem)).toBe(true);
  });
});

describe("text out of a file", () => {
  it("may be wide, joined or hostile, and no column moves", async () => {
    const folder = mkdtempSync(join(tmpdir(), "checkpoint-inspect-"));
    const path = join(folder, "wide.gguf");
    const names = [
      "\u6f22\u5b57\u6a21\u578b.weight",
      "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}.weight",
      "\u001b[31mred.weight",
    ];
    const entries = [
      { key: "general.architecture", type: "string", value: "llama" },
      { key: "general.name", type: "string", value: "\u6f22\u5b57\u{1f642}\u202e\u0007 name" },
    ] as const;
    writeFileSync(
      path,
      writeGguf({ metadata: [...entries], tensors: names.map((name) => ({ name, type: 0, shape: [4] })) }),
    );
    // The journey measures every line of every frame.
    for (const columns of [60, 81, 120]) {
      const open = await journey(path, { size: { columns, rows: 24 } });
      for (const key of "1234567890") expect((await open.press(`${key}jjj`)).text).not.toMatch(UNPRINTABLE);
      expect((await open.press("7jj")).text).toContain("\u6f22\u5b57");
    }
    rmSync(folder, { recursive: true, force: true });
  });
});

describe("figures", () => {
  it("are those of --json", async () => {
    const [report, memory, meta] = await Promise.all(
      [[MOE], ["memory", MOE, "--gpu", "24GB"], ["meta", MOE]].map(async (args) =>
        jsonOf(await inspect([...args, "--json"])),
      ),
    );
    type Report = {
      buckets: { bucket: string; parameters: number; bytes: number }[];
      parameters: { total: number; active: number };
      layers: { parameters: number; bytes: number }[];
      quantization: { bitsPerWeight: number };
    };
    const { buckets, parameters, layers, quantization } = report as unknown as Report;
    const open = await journey(MOE, { size: { columns: 120, rows: 50 } });
    expect(open.text).toContain(formatExact(parameters.total));
    expect(open.text).toContain(formatExact(parameters.active));
    for (const { bucket, parameters: count, bytes } of buckets)
      expect(open.lines.find((line) => new RegExp(`^[ \u25b8] [A-Z?] ${bucket}`).test(line))).toMatch(
        new RegExp(`${formatCount(count)} +${formatBytes(bytes)}`),
      );
    const layer = (await open.press("2")).text;
    expect(layer).toContain(`${formatCount(layers[0]?.parameters ?? 0)} parameters`);
    expect(layer).toContain(formatBytes(layers[0]?.bytes ?? 0));
    expect((await open.press("4")).text).toContain(`${quantization.bitsPerWeight.toFixed(2)} bits per weight`);
    type Memory = Record<"weightsBytes" | "kvCacheBytes" | "computeBytes" | "totalBytes", number>;
    const { memory: own } = memory as unknown as { memory: Memory };
    const planner = (await open.press("5")).text;
    for (const bytes of [own.weightsBytes, own.kvCacheBytes, own.computeBytes, own.totalBytes])
      expect(planner).toContain(formatMemory(bytes));
    const { metadata } = meta as unknown as { metadata: unknown[] };
    expect((await open.press("7")).text).toContain(`${metadata.length} keys`);
  });

  it("are written by e as the command prints them", async () => {
    const open = await journey(MOE);
    const pairs = [
      ["1", []],
      ["2", ["layers"]],
      ["3", ["tensors"]],
      ["4", ["quant"]],
    ] as const;
    for (const [key, command] of pairs) {
      const [effect] = (await open.press(`${key}ej`)).effects;
      const { stdout } = await inspect([...command, MOE, "--json"]);
      expect(effect?.kind === "export" && JSON.parse(effect.text)).toEqual(JSON.parse(stdout));
    }
  });
});

describe("a narrow, a wide and a plain terminal", () => {
  test.each([60, 80, 120, 200])("%i columns", async (columns) => {
    for (const ascii of [false, true]) {
      const open = await journey(HERE, { size: { columns, rows: 30 }, ascii });
      const shown: string[] = [];
      for (const key of "1234567890") shown.push((await open.press(key)).text);
      await expect(shown.join("\n\n")).toMatchFileSnapshot(`snapshots/moe-${columns}${ascii ? "-ascii" : ""}.txt`);
    }
  });

  test("with colour", async () => {
    const open = await journey(HERE);
    const shown: string[] = [];
    for (const key of "1234567890") {
      const { state } = await open.press(key);
      // Codes as people write them, so that the file can be read.
      shown.push(...frame(state).map((line) => paint(line, true).replaceAll("\u001b", "\\e").trimEnd()));
    }
    await expect(shown.join("\n")).toMatchFileSnapshot("snapshots/moe-80-colour.txt");
  });
});

describeReal("real checkpoints", () => {
  let heads: { dir: string; remove(): void } | undefined;
  beforeAll(() => {
    heads = expandHeads("gguf-real-heads", (name) => name.includes("Q4_K_M"));
  });
  afterAll(() => heads?.remove());

  it("a newcomer finds the heaviest layers, the type of a down projection, and the largest context", async () => {
    const open = await journey(`${heads?.dir}/Qwen3-1.7B-Q4_K_M.gguf`);
    const layers = await open.press("2");
    expect(layers.text).toContain("Heaviest: layers 0-2");
    expect(layers.text).toMatch(/F down\s+(ffn)?\s*Q6_K/);
    const memory = await open.press("5");
    expect(memory.text).toMatch(/40,960[\s\S]*fit/);
  });
});
