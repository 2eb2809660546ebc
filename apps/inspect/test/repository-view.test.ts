/** The block on a repository: what it lists, at every width, and the same as JSON. */
import { analyse } from "@checkpoint-inspect/analysis";
import {
  checkpointsIn,
  memoryFileSet,
  openFileSet,
  pickCheckpoint,
  type RepositoryFile,
  writeGguf,
} from "@checkpoint-inspect/parser";
import { Chalk } from "chalk";
import { beforeAll, describe, expect, it } from "vitest";

import { terminalStyle } from "../src/terminal.ts";
import { overviewOf, type RepositoryOverview, repositoryDocument, repositoryView } from "../src/views/repository.ts";
import { loadWideText, width } from "../src/views/text.ts";
import { UNPRINTABLE } from "./run-inspect.ts";

beforeAll(loadWideText);

const GB = 1e9;
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const PARAMETERS = 8e9;
const HEADER = 8e6;

type Sizes = Readonly<Record<string, number>>;

/** A repository of these files, with what is shown when nothing is asked for. */
function repository(sizes: Sizes, more: Partial<RepositoryOverview> = {}): RepositoryOverview {
  const files: RepositoryFile[] = Object.entries(sizes).map(([path, sizeBytes]) => ({ path, sizeBytes }));
  const checkpoints = checkpointsIn(files);
  const answer = pickCheckpoint(checkpoints, {});
  const shown = "picked" in answer ? { shown: answer.picked } : {};
  return { id: "org/model", revision: "main", commit: COMMIT, from: "hub", files, checkpoints, ...shown, ...more };
}

const plain = (columns: number) => terminalStyle({ width: columns, color: false });
const view = (repo: RepositoryOverview, columns = 100): string => repositoryView(repo, plain(columns));
/** The line that has this in it. */
const lineWith = (text: string, part: string): string => text.split("\n").find((line) => line.includes(part)) ?? "";

/** A file of so many bits a weight. */
const ofBits = (bits: number): number => (PARAMETERS * bits) / 8 + HEADER;
const QUANTS: Sizes = {
  "README.md": 5000,
  "m-IQ2_M.gguf": ofBits(2.75),
  "m-UD-Q4_K_XL.gguf": ofBits(5),
  "m-Q4_K_M.gguf": ofBits(4.9),
  "m-Q8_0.gguf": ofBits(8.5),
  "other-13B-Q8_0.gguf": ofBits(14),
  "BF16/m-BF16-00001-of-00002.gguf": ofBits(8),
  "BF16/m-BF16-00002-of-00002.gguf": ofBits(8),
  "F32/m-F32-00002-of-00003.gguf": 10 * GB,
  "mmproj-F16.gguf": 0.8 * GB,
};
const READ = { parameters: PARAMETERS, headerBytes: HEADER, bitsPerWeight: 4.87 };

describe("a repository of quants", () => {
  const text = view(repository(QUANTS, { read: READ }));

  it("lists each with size, bits per weight and parts, and marks the one that is shown", () => {
    expect(lineWith(text, "m-Q4_K_M.gguf")).toMatch(/^ {2}> {2}Q4_K_M +4\.91 GB +4\.87 +m-Q4_K_M\.gguf$/);
    expect(lineWith(text, "m-IQ2_M")).toMatch(/^ +IQ2_M +2\.76 GB +~2\.75 +m-IQ2_M\.gguf$/);
    expect(lineWith(text, "UD-Q4_K_XL.gguf")).toContain("~5.00");
    expect(lineWith(text, "m-BF16")).toMatch(/16\.0 GB +~16\.01 +2 +BF16/);
    expect(text.split("\n").filter((line) => line.startsWith("  >"))).toHaveLength(1);
  });

  it("estimates nothing of another model, and of no set with missing parts", () => {
    expect(lineWith(text, "other-13B")).not.toContain("~");
    expect(lineWith(text, "m-F32")).toMatch(/10\.0 GB +1 of 3 +F32/);
  });

  it("says how it estimates, only where it does", () => {
    expect(text).toContain("~ from the file's size: (size - header) x 8 / parameters of the one shown");
    expect(view(repository(QUANTS))).not.toContain("~");
  });

  it("puts what goes with the models below them, and counts the rest", () => {
    const below = text.slice(text.indexOf("Beside them"));
    expect(lineWith(below, "mmproj")).toMatch(/projector +F16 +800 MB +mmproj-F16\.gguf/);
    expect(text.split("\n").at(-1)).toBe("  1 other file, 5.00 kB");
  });

  it("says where it is from, and why this one is shown", () => {
    const when = new Date("2026-02-03T04:05:06Z");
    const repo = repository(QUANTS, { from: "own-cache", when, why: "7 are here" });
    const [title, why] = view(repo).split("\n");
    expect(title).toBe("org/model  main = 0123456 · from a listing kept on this machine on 2026-02-03 04:05 UTC");
    expect(why).toBe("7 are here");
    expect(view(repository(QUANTS, { revision: COMMIT })).split("\n")[0]).toBe("org/model  0123456 · on the Hub");
  });
});

describe("other repositories", () => {
  it("with one checkpoint are two lines", () => {
    const repo = repository({ "m-Q4_K_M.gguf": ofBits(4.9) }, { read: READ });
    expect(view(repo).split("\n")).toEqual([
      "org/model  main = 0123456 · on the Hub",
      "GGUF, Q4_K_M, 4.91 GB, 4.87 bits per weight: m-Q4_K_M.gguf",
    ]);
  });

  it("say which part of a lone set is missing", () => {
    const text = view(repository({ "model-00001-of-00003.safetensors": GB, "model-00003-of-00003.safetensors": GB }));
    expect(text).toContain("safetensors, 2.00 GB, 2 of 3 parts: model-00001-of-00003.safetensors");
    expect(text).toContain("1 part is missing: model-00002-of-00003.safetensors");
    expect(view(repository({ "model.safetensors.index.json": 10 }))).toContain("none of its files is there");
  });

  it("list the components of a pipeline, and the same weights once more", () => {
    const text = view(
      repository({
        "model_index.json": 500,
        "unet/diffusion_pytorch_model.safetensors": 5 * GB,
        "unet/diffusion_pytorch_model.fp16.safetensors": 2.5 * GB,
        "vae/diffusion_pytorch_model.safetensors": GB,
        "one-file.safetensors": 6 * GB,
      }),
    );
    expect(text).toContain("Pipeline: 2 components, 6.00 GB, shown");
    expect(lineWith(text, "vae ")).toMatch(/^ {2}vae +1\.00 GB +1$/);
    expect(lineWith(text, "fp16")).toMatch(/copy +fp16 +2\.50 GB/);
    expect(lineWith(text, "one-file")).toMatch(/copy +6\.00 GB/);
  });

  it("without a checkpoint say what is there instead", () => {
    const files = { "a.bin": 1, "b.bin": 1, "c.pth": 1, "model.onnx": 1, "README.md": 1 };
    const text = view(repository(files), 120);
    expect(text.split("\n")[1]).toBe(
      "No GGUF and no safetensors file; 5 files, 3 of them pickles (.bin, .pth), 1 of them an ONNX file (.onnx).",
    );
    expect(view(repository({}))).toContain("No GGUF and no safetensors file; no files at all.");
  });

  it("say when the list of files isn't whole", () => {
    expect(view(repository(QUANTS, { cut: true }))).toContain("the list of files is longer than what was taken of it");
  });

  it("of hundreds of checkpoints show some, the shown one among them, and how many more there are", () => {
    const sizes = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`m${i}-F32.gguf`, GB]));
    const repo = repository(sizes);
    const last = repo.checkpoints.at(-1);
    const text = view({ ...repo, ...(last && { shown: last }) });
    expect(lineWith(text, ">")).toContain("m299-F32.gguf");
    expect(text).toContain("and 240 more: --json lists all");
  });
});

describe("any terminal", () => {
  const long = "a-very-long-name-of-a-finetune-that-never-ends-".repeat(3);
  const wild: Sizes = {
    ...QUANTS,
    [`${long}-Q4_K_M.gguf`]: GB,
    [`${"漢字".repeat(40)}-Q5_K_M.gguf`]: GB,
    "\x1b[31mred\u202e-Q6_K.gguf": GB,
    [`${long}/adapter_model.safetensors`]: GB,
    [`model.${long}.safetensors`]: GB,
    [`${long}-00001-of-00002.safetensors`]: GB,
    "p/model_index.json": 1,
    [`p/${"component_".repeat(20)}/model-00001-of-00002.safetensors`]: GB,
  };

  it.each([40, 60, 80, 120])("of %i columns is never too narrow, and nothing reaches it raw", (columns) => {
    const repos = [repository(wild, { id: `org/${long}\x1b[0m`, read: READ, why: `"${long}" is shown` })];
    for (const path of Object.keys(wild))
      repos.push(repository({ [path]: GB }, { revision: "x\u202e", from: "folder" }));
    for (const repo of repos) {
      const text = view(repo, columns);
      expect(text.replaceAll("\n", "")).not.toMatch(UNPRINTABLE);
      for (const line of text.split("\n")) expect(width(line), line).toBeLessThanOrEqual(columns);
    }
  });

  it("with colours shows the same text", () => {
    const repo = repository(QUANTS, { read: READ });
    const coloured = repositoryView(repo, { ...plain(80), color: new Chalk({ level: 1 }) });
    expect(coloured).not.toBe(view(repo, 80));
    expect(coloured.replace(/\x1b\[\d+m/g, "").replace(/ +$/gm, "")).toBe(view(repo, 80));
  });
});

describe("the repository in JSON", () => {
  it("is complete and exact", () => {
    const document = repositoryDocument(repository(QUANTS, { read: READ }));
    expect(document).toMatchObject({
      id: "org/model",
      revision: "main",
      commit: COMMIT,
      from: "hub",
      files: 10,
      otherFiles: { count: 1, sizeBytes: 5000 },
    });
    const { checkpoints } = JSON.parse(JSON.stringify(document)) as { checkpoints: Record<string, unknown>[] };
    const row = (entry: string) => checkpoints.find((checkpoint) => checkpoint.entry === entry);
    expect(checkpoints).toHaveLength(8);
    expect(row("m-Q4_K_M.gguf")).toMatchObject({ shown: true, bitsPerWeight: 4.87, bitsPerWeightExact: true });
    expect(row("m-Q8_0.gguf")).toMatchObject({ shown: false, bitsPerWeight: 8.5, bitsPerWeightExact: false });
    expect(row("mmproj-F16.gguf")).toMatchObject({ use: "projector", quant: "F16", bitsPerWeight: null });
    expect(row("F32/m-F32-00002-of-00003.gguf")).toMatchObject({
      parts: 1,
      declaredParts: 3,
      missing: ["F32/m-F32-00001-of-00003.gguf", "F32/m-F32-00003-of-00003.gguf"],
      bitsPerWeight: null,
    });
  });
});

describe("a checkpoint that was read", () => {
  it("gives its figures to the overview, where it is whole", async () => {
    const tensors = [{ name: "token_embd.weight", type: 1, shape: [32, 4], data: new Uint8Array(256) }];
    const bytes = writeGguf({ metadata: [], tensors });
    const checkpoint = await openFileSet(memoryFileSet("model", { "m-F16.gguf": bytes }));
    const report = analyse(checkpoint, { target: "org/model" });
    const { files, checkpoints } = repository({ "m-F16.gguf": bytes.length });
    const folder = () => memoryFileSet("model", {});
    const found = {
      id: "org/model",
      endpoint: "http://127.0.0.1",
      revision: "main",
      commit: COMMIT,
      from: "hub",
    } as const;
    const place: Parameters<typeof overviewOf>[0] = {
      repository: { ...found, files, cut: false, folder },
      checkpoints,
      ...(checkpoints[0] && { shown: checkpoints[0] }),
      traffic: { requests: 0, bytes: 0 },
    };
    const overview = overviewOf(place, report);
    expect(overview?.read).toMatchObject({ parameters: 128, bitsPerWeight: 16 });
    expect(overviewOf(place)).not.toHaveProperty("read");
    const { repository: _, ...elsewhere } = place;
    expect(overviewOf(elsewhere)).toBeUndefined();
    await checkpoint.close();
  });
});
