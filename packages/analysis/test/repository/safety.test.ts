/** What may do harm in a repository: pickles, scans, code, names. */
import { describe, expect, it } from "vitest";
import { auditRepository } from "../../src/index.ts";
import { finding, GOOD_INFO, listed, looked, type Made, said, subject } from "./subjects.ts";

const MODEL = listed("model.safetensors");
const HERE = { "model.safetensors": 4e8, "config.json": 700 };
const PICKLE = /^repo\/(?:only-)?pickle|^repo\/training/;

describe("pickles", () => {
  it.each<[string, Made, string[]]>([
    [
      "beside safetensors of the same weights",
      { files: { ...HERE, "pytorch_model.bin": 4e8 }, checkpoints: [MODEL] },
      ["warning repo/pickle: 1 pickle file beside safetensors files: pytorch_model.bin (400 MB) [pytorch_model.bin]"],
    ],
    [
      "in folders without safetensors",
      { files: { ...HERE, "original/consolidated.00.pth": 4e8, "voices/a.pt": 5e5 }, checkpoints: [MODEL] },
      [
        "warning repo/pickle: 2 pickle files with no safetensors file in the same folder: original/consolidated.00.pth, voices/a.pt (401 MB)",
      ],
    ],
    [
      "of both places, apart",
      { files: { ...HERE, "pytorch_model.bin": 4e8, "old/x.ckpt": 1e6 } },
      [
        "warning repo/pickle: 1 pickle file beside safetensors files: pytorch_model.bin (400 MB) [pytorch_model.bin]",
        "warning repo/pickle: 1 pickle file with no safetensors file in the same folder: old/x.ckpt (1.00 MB) [old/x.ckpt]",
      ],
    ],
    [
      "alone",
      {
        files: { "config.json": 700, "pytorch_model-00001-of-00002.bin": 3e8, "pytorch_model-00002-of-00002.bin": 2e8 },
      },
      [
        "warning repo/only-pickle: nothing but 2 pickle files holds weights: pytorch_model-00001-of-00002.bin, pytorch_model-00002-of-00002.bin (500 MB)",
      ],
    ],
    [
      "with other weights than safetensors",
      { files: { "pytorch_model.bin": 4e8, "onnx/model.onnx": 4e8 } },
      [
        "warning repo/pickle: 1 pickle file with no safetensors file in the same folder: pytorch_model.bin (400 MB) [pytorch_model.bin]",
      ],
    ],
    [
      "alone, in a list of files that is cut: there may be others",
      { files: { "pytorch_model.bin": 4e8 }, filesCut: true },
      [
        "warning repo/pickle: 1 pickle file with no safetensors file in the same folder: pytorch_model.bin (400 MB) [pytorch_model.bin]",
      ],
    ],
    [
      "of a training, in any folder",
      {
        files: {
          ...HERE,
          "checkpoint-10/optimizer.pt": 8e8,
          "checkpoint-10/rng_state_0.pth": 100,
          "training_args.bin": 5000,
        },
      },
      [
        "note repo/training-leftovers: 3 files of training: training_args.bin, checkpoint-10/optimizer.pt, checkpoint-10/rng_state_0.pth (800 MB)",
      ],
    ],
    [
      "under a name of its own, beside safetensors of that name",
      { files: { "ip.safetensors": 100, "ip.bin": 100 } },
      ["warning repo/pickle: 1 pickle file beside safetensors files: ip.bin (100 B) [ip.bin]"],
    ],
    [
      "as archives",
      {
        files: { ...HERE, "sub/model.nemo": 100, "sub/model.pkl": 100, "sub/model.joblib": 100, "sub/model.mar": 100 },
      },
      [
        "warning repo/pickle: 4 pickle files with no safetensors file in the same folder: sub/model.nemo, sub/model.pkl, sub/model.joblib and 1 more (400 B)",
      ],
    ],
  ])("%s", (_, made, lines) => {
    expect(said(made, PICKLE)).toEqual(lines);
  });

  it.each<[string, Record<string, number>]>([
    ["OpenVINO", { "openvino/openvino_model.bin": 1e8, "openvino/openvino_model.xml": 1e5, "a.xml": 10, "a.bin": 10 }],
    ["CTranslate2", { "model.bin": 1e8, "vocabulary.json": 1e5, "model.safetensors": 1e8 }],
    ["ggml", { "ggml-base.en.bin": 1e8, "ggml-model-q4_0.bin": 1e8 }],
    [
      "fastText, MLC, TensorFlow.js and vocabularies",
      { "lid.176.bin": 1e8, "params_shard_0.bin": 1e7, "group1-shard1of4.bin": 4e6, "vocab.bin": 1e4 },
    ],
    ["ONNX with data beside it", { "onnx/model.onnx": 1e6, "onnx/model.onnx_data": 1e9 }],
    [
      "NumPy, MindSpore, indexes and files of no bytes",
      { "a.npz": 10, "b.npy": 10, "mindspore_model.ckpt": 10, "pytorch_model.bin.index.json": 10, "empty.pt": 0 },
    ],
  ])("are no files of %s", (_, files) => {
    expect(said({ files }, PICKLE)).toEqual([]);
  });

  it("that the checkpoint beside them names are not named again", () => {
    const files = { ...HERE, "a.pkl": 10, "pytorch_model.bin": 10, "training_args.bin": 10, "sub/b.pkl": 10 };
    const sure = [
      finding("file/pickle", "1 pickle file beside the weights: a.pkl (10 B)"),
      finding("file/training-leftovers"),
    ];
    expect(said({ files, checkpoints: [MODEL], looked: [looked(MODEL, undefined, sure)] }, PICKLE)).toEqual([
      "warning repo/pickle: 1 pickle file beside safetensors files: pytorch_model.bin (10 B) [pytorch_model.bin]",
      "warning repo/pickle: 1 pickle file with no safetensors file in the same folder: sub/b.pkl (10 B) [sub/b.pkl]",
    ]);
    // Where the bytes were looked at, they decide.
    const sniffed = [finding("file/pickle", "2 pickle files beside the weights: a.pkl, pytorch_model.bin (20 B)")];
    expect(
      said(
        { files: { ...HERE, "a.pkl": 10, "pytorch_model.bin": 10 }, looked: [looked(MODEL, undefined, sniffed)] },
        PICKLE,
      ),
    ).toEqual([]);
  });
});

describe("the Hub's scans", () => {
  const scanned = (done: boolean, ...files: [path: string, level: string][]): Made => ({
    info: { scans: { done, files: files.map(([path, level]) => ({ path, level })) } },
  });
  const SCAN = /scan/;

  it.each<[string, Made, string[]]>([
    ["found nothing", scanned(true), []],
    ["found nothing in a file", scanned(true, ["a.bin", "safe"]), []],
    ["aren't known", { info: {} }, []],
    [
      "found something",
      scanned(true, ["a.bin", "unsafe"], ["b.bin", "suspicious"], ["c.bin", "suspicious"], ["d.bin", "caution"]),
      [
        "error repo/scan: the Hub's scans mark 1 file as unsafe: a.bin [a.bin]",
        "warning repo/scan: the Hub's scans mark 2 files as suspicious: b.bin, c.bin",
        "warning repo/scan: the Hub's scans mark 1 file as caution: d.bin [d.bin]",
      ],
    ],
    ["aren't done", scanned(false), ["note repo/not-scanned: the Hub hasn't scanned all files of this repo yet"]],
    [
      "failed or wait",
      scanned(true, ["a.bin", "queued"], ["b.bin", "error"]),
      ["note repo/not-scanned: the Hub has no verdict on 2 files: a.bin, b.bin"],
    ],
    [
      "use a word that isn't known",
      scanned(true, ["a.bin", "bad\u001b[31m"]),
      ['warning repo/scan: the Hub\'s scans mark 1 file as "bad\\u001b[31m": a.bin [a.bin]'],
    ],
    [
      "use a word of JavaScript",
      scanned(true, ["a.bin", "constructor"]),
      ['warning repo/scan: the Hub\'s scans mark 1 file as "constructor": a.bin [a.bin]'],
    ],
  ])("that %s", (_, made, lines) => {
    expect(said(made, SCAN)).toEqual(lines);
  });
});

describe("code", () => {
  const CODE = /custom-code/;

  it.each<[string, Made, string[]]>([
    [
      "that no configuration asks for is a note",
      { files: { "scripts/convert.py": 10 } },
      ["note repo/custom-code: 1 Python file in the repo: scripts/convert.py [scripts/convert.py]"],
    ],
    [
      "that can't be read is a warning",
      { files: { "lib/x.pyc": 10, "lib/y.py": 10 } },
      ["warning repo/custom-code: 2 Python files in the repo: lib/x.pyc, lib/y.py"],
    ],
    [
      "that the configuration asks for, with no checkpoint to say so",
      {
        files: { "config.json": 9, "modeling_x.py": 9 },
        json: { "config.json": { auto_map: { AutoModel: "modeling_x.X", AutoTokenizer: ["t.T", null] } } },
      },
      ['warning repo/custom-code: config.json asks for code of the repo\'s own: "modeling_x.X", "t.T" [config.json]'],
    ],
    [
      "of modules of sentence-transformers",
      {
        files: { "modules.json": 9, "custom_st.py": 9 },
        json: {
          "modules.json": [
            { type: "custom_st.Transformer" },
            { type: "sentence_transformers.models.Pooling" },
            { type: "torch.nn.Identity" },
            3,
          ],
        },
      },
      [
        'warning repo/custom-code: modules.json asks for code of the repo\'s own: "custom_st.Transformer" [modules.json]',
      ],
    ],
    [
      "of a diffusers component",
      {
        files: { "unet/my_unet.py": 9 },
        json: {
          "model_index.json": { unet: ["my_unet", "MyUNet"], vae: ["diffusers", "AutoencoderKL"], x: [null, null] },
        },
      },
      [
        'warning repo/custom-code: model_index.json asks for code of the repo\'s own: "my_unet.MyUNet" [model_index.json]',
      ],
    ],
    [
      "of an MLX model",
      { files: { "model.py": 9 }, json: { "config.json": { model_file: "model.py" } } },
      ['warning repo/custom-code: config.json asks for code of the repo\'s own: "model.py" [config.json]'],
    ],
    [
      "that the checkpoint's own findings tell of",
      {
        files: { ...HERE, "modeling_x.py": 9 },
        json: { "config.json": { auto_map: { AutoModel: "modeling_x.X" } } },
        looked: [looked(MODEL, undefined, [finding("file/custom-code")])],
      },
      [],
    ],
    [
      "that the configuration asks for, where the checkpoint's findings tell of the files alone",
      {
        files: { "m.gguf": 9, "modeling_x.py": 9 },
        json: { "config.json": { auto_map: { AutoModel: "modeling_x.X" } } },
        looked: [looked(listed("m.gguf"), undefined, [{ ...finding("file/custom-code"), severity: "note" }])],
      },
      ['warning repo/custom-code: config.json asks for code of the repo\'s own: "modeling_x.X" [config.json]'],
    ],
    [
      "that isn't there",
      { files: HERE, json: { "config.json": { auto_map: 3 }, "modules.json": {}, "model_index.json": null } },
      [],
    ],
  ])("%s", (_, made, lines) => {
    expect(said(made, CODE)).toEqual(lines);
  });
});

it("notes Keras and TensorFlow models where no checkpoint did", () => {
  const files = { "tf_model.h5": 9, "tf/saved_model.pb": 9, "model.safetensors": 9 };
  expect(said({ files }, /keras/)).toEqual([
    "note repo/keras: 2 Keras or TensorFlow files: tf_model.h5, tf/saved_model.pb",
  ]);
  const told = [looked(MODEL, undefined, [finding("file/keras")])];
  expect(said({ files, looked: told }, /keras/)).toEqual([
    "note repo/keras: 1 Keras or TensorFlow file: tf/saved_model.pb [tf/saved_model.pb]",
  ]);
});

describe("names of files", () => {
  it.each<[string, string]>([
    ["../../etc/x", "1 name leads out of the repo: ../../etc/x"],
    ["a/../../x", "1 name leads out of the repo: a/../../x"],
    ["/etc/x", "1 name leads out of the repo: /etc/x"],
    ["C:/x", "1 name leads out of the repo: C:/x"],
    ["a\\..\\x", "1 name leads out of the repo: a\\\\..\\\\x"],
    ["a\\x", "1 name has a backslash, which is a folder on Windows: a\\\\x"],
    ["a\u001b[2Jx", "1 name holds control or invisible characters: a\\u001b[2Jx"],
    ["a\u202etxt.exe", "1 name holds control or invisible characters: a\\u202etxt.exe"],
    ["a\u200bb", "1 name holds control or invisible characters: a\\u200bb"],
  ])("%j", (path, message) => {
    expect(said({ files: { [path]: 1 } }, /file-name/)).toEqual([`warning repo/file-name: ${message} [${path}]`]);
  });

  it.each(["a..b/c", "...", "Qwen3 (1).json", "模型.json", "\u2764\ufe0f.png", "a:b", "__MACOSX/._x"])(
    "%j is one",
    (path) => {
      expect(said({ files: { [path]: 1 } }, /file-name/)).toEqual([]);
    },
  );

  it("reach no message unescaped", () => {
    const path = "a\u001b]0;x\u0007\u202e.pt";
    const info = { ...GOOD_INFO, license: "other", scans: { done: true, files: [{ path, level: "unsafe" }] } };
    const made = subject({
      id: "org/\u001b-7b",
      files: { [path]: 0, "\u001b.py": 1, "\u001b.pt": 1 },
      info,
      checkpoints: [listed(path, { missing: [path], quant: "Q4_K_M" })],
    });
    const findings = auditRepository(made);
    expect(findings.length).toBeGreaterThan(5);
    for (const { message } of findings) expect(message).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});
