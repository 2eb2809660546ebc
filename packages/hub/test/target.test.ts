import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { blobUrl, resolveUrl, treeUrl } from "../src/hub-urls.ts";
import { ollamaName } from "../src/names.ts";
import { type HubTarget, hubTargetText, parseTarget, type Target, TargetError } from "../src/target.ts";

const HUB = "https://huggingface.co";
const SHA = "0123456789abcdef0123456789abcdef01234567";

const parse = (text: string, options: { endpoint?: string; revision?: string; isLocal?: boolean } = {}): Target =>
  parseTarget(text, { endpoint: HUB, isLocal: false, ...options });
const hub = (repo: string, rest: Omit<HubTarget, "kind" | "repo"> = {}): Target => ({ kind: "hub", repo, ...rest });
const bare = (repo: string, rest: Omit<HubTarget, "kind" | "repo"> = {}): Target =>
  hub(repo, { ...rest, maybeLocal: true });
const local = (path: string): Target => ({ kind: "local", path });
const url = (link: string): Target => ({ kind: "url", url: link });

describe("paths", () => {
  it("takes whatever is there for a path", () => {
    for (const text of ["org/name", "hf:org/name", "ollama:tiny", "gpt2", "https://huggingface.co/org/name"]) {
      expect(parse(text, { isLocal: true })).toEqual(local(text));
    }
  });

  it.each([
    "/models/tiny",
    "./org/name",
    "../org/name",
    ".",
    "..",
    "~/models/tiny",
    "C:\\models\\tiny.gguf",
    "C:/models/tiny.gguf",
    "models\\tiny",
    "models/tiny-*.gguf",
    "org/name?",
    "models/{a,b}.gguf",
    "model.gguf",
    "gpt2",
    "gpt2@main/model.safetensors",
    "models/tiny.gguf",
    "models/tiny.SAFETENSORS",
    "models/config.json",
    "models/../tiny",
    "models//tiny",
    "my models/tiny",
    "org/na--me",
    "-org/name",
    "org/name.git",
    "org/",
    "localhost:8080/models/tiny.gguf",
    `${"a".repeat(97)}/name`,
    "org/name\n",
  ])("takes %j for a path though nothing is there", (text) => {
    expect(parse(text)).toEqual(local(text));
  });

  it("reads a file link", () => {
    expect(parse("file:///models/a%20b.gguf")).toEqual(local("/models/a b.gguf"));
  });
});

describe("repos", () => {
  it.each([
    ["org/name", bare("org/name")],
    ["org/name/", bare("org/name")],
    ["org/name@main", bare("org/name", { revision: "main" })],
    [`org/name@${SHA}`, bare("org/name", { revision: SHA })],
    ["org/name@refs/pr/12", bare("org/name", { revision: "refs/pr/12" })],
    ["org/name@refs%2Fpr%2F12", bare("org/name", { revision: "refs/pr/12" })],
    ["org/name@refs/pr/12/a/b.gguf", bare("org/name", { revision: "refs/pr/12", path: "a/b.gguf" })],
    ["org/name@refs/convert/gguf:Q8_0", bare("org/name", { revision: "refs/convert/gguf", quant: "Q8_0" })],
    ["org/name@feature%2Fx/a.gguf", bare("org/name", { revision: "feature/x", path: "a.gguf" })],
    ["org/name:Q4_K_M", bare("org/name", { quant: "Q4_K_M" })],
    ["org/name.gguf:Q4_K_M", bare("org/name.gguf", { quant: "Q4_K_M" })],
    ["org/name@v1.0:UD-Q4_K_XL", bare("org/name", { revision: "v1.0", quant: "UD-Q4_K_XL" })],
    ["org/name/a/b.gguf", bare("org/name", { path: "a/b.gguf" })],
    ["org/name/a@b:c.gguf", bare("org/name", { path: "a@b:c.gguf" })],
    ["org/name@main/a%20b.gguf", bare("org/name", { revision: "main", path: "a%20b.gguf" })],
    ["hf:org/name", hub("org/name")],
    ["hf:org/name.gguf", hub("org/name.gguf")],
    ["hf:gpt2", hub("gpt2")],
    ["hf:gpt2@main", hub("gpt2", { revision: "main" })],
    ["hf:gpt2@main/model.safetensors", hub("gpt2", { revision: "main", path: "model.safetensors" })],
    ["hf:gpt2:Q4_0", hub("gpt2", { quant: "Q4_0" })],
    ["hf://org/name", hub("org/name")],
    ["hf://models/org/name@main/a/b.gguf", hub("org/name", { revision: "main", path: "a/b.gguf" })],
    ["hf://org/name/a [1].gguf", hub("org/name", { path: "a [1].gguf" })],
  ] satisfies [string, Target][])("reads %s", (text, target) => {
    expect(parse(text)).toEqual(target);
  });

  it.each([
    [`${HUB}/org/name`, hub("org/name")],
    [`${HUB}/org/name/`, hub("org/name")],
    [`${HUB}/org/name:Q4_K_M`, hub("org/name", { quant: "Q4_K_M" })],
    [`${HUB}/gpt2`, hub("gpt2")],
    [`${HUB}/gpt2/blob/main/model.safetensors`, hub("gpt2", { revision: "main", path: "model.safetensors" })],
    [`${HUB}/org/name/tree/main`, hub("org/name", { revision: "main" })],
    [`${HUB}/org/name/tree/main/sub`, hub("org/name", { revision: "main", path: "sub" })],
    [`${HUB}/org/name/commit/${SHA}`, hub("org/name", { revision: SHA })],
    [`${HUB}/org/name/tree/refs%2Fpr%2F1/sub`, hub("org/name", { revision: "refs/pr/1", path: "sub" })],
    [`${HUB}/org/name/blob/refs/pr/1/a.gguf`, hub("org/name", { revision: "refs/pr/1", path: "a.gguf" })],
    [`${HUB}/org/name/raw/main/config.json#L3`, hub("org/name", { revision: "main", path: "config.json" })],
    [
      `${HUB}/org/name/resolve/main/a%20b%2Fc.gguf?download=true`,
      hub("org/name", { revision: "main", path: "a b/c.gguf" }),
    ],
    ["http://www.huggingface.co/org/name", hub("org/name")],
    ["https://hf.co/org/name", hub("org/name")],
    ["hf.co/org/name:Q4_K_M", hub("org/name", { quant: "Q4_K_M" })],
    ["huggingface.co/org/name/blob/main/a.gguf?download=true", hub("org/name", { revision: "main", path: "a.gguf" })],
  ] satisfies [string, Target][])("reads the pasted link %s", (text, target) => {
    expect(parse(text)).toEqual(target);
  });

  it("takes links at the origin of HF_ENDPOINT for that Hub, and links to the public one as what they say", () => {
    const endpoint = "http://127.0.0.1:8080/mirror";
    expect(parse(`${endpoint}/org/name/resolve/main/a.gguf`, { endpoint })).toEqual(
      hub("org/name", { revision: "main", path: "a.gguf" }),
    );
    expect(parse(`${HUB}/org/name`, { endpoint })).toEqual(hub("org/name", { endpoint: HUB }));
    expect(parse("hf.co/org/name", { endpoint })).toEqual(hub("org/name"));
    for (const link of ["http://127.0.0.1:8080/files/a.gguf", `${endpoint}/files/a.gguf`, `${endpoint}/x/y/z/a.gguf`]) {
      expect(parse(link, { endpoint })).toEqual(url(link));
    }
  });

  it("takes --revision, also where the target says the same, but not another", () => {
    expect(parse("org/name:Q4_0", { revision: "v2" })).toEqual(bare("org/name", { quant: "Q4_0", revision: "v2" }));
    expect(parse("org/name@v2", { revision: "v2" })).toEqual(bare("org/name", { revision: "v2" }));
    expect(() => parse("org/name@v1", { revision: "v2" })).toThrow(/"v2".*different/);
    expect(() => parse("org/name", { revision: "a..b" })).toThrow(/is no revision/);
    for (const text of ["model.gguf", "https://example.org/a.gguf", "ollama:tiny"]) {
      expect(() => parse(text, { revision: "v2" })).toThrow(/--revision is for Hugging Face repos/);
    }
  });
});

describe("links and Ollama", () => {
  it("keeps other links as they are, but for the fragment", () => {
    expect(parse("https://example.org/a.gguf?sig=1%2F2#top")).toEqual(url("https://example.org/a.gguf?sig=1%2F2"));
    const github = "https://github.com/org/name/blob/main/a.gguf";
    expect(parse(github)).toEqual(url(github));
    const fileOfDataset = `${HUB}/datasets/org/name/blob/main/a.gguf?download=true`;
    expect(parse(fileOfDataset)).toEqual(url(`${HUB}/datasets/org/name/resolve/main/a.gguf`));
  });

  it.each(["tiny", "tiny:1b", "org/tiny:1b", "hf.co/org/name:Q4_K_M", "localhost:5000/org/tiny:1b"])(
    "reads ollama:%s",
    (model) => {
      expect(parse(`ollama:${model}`)).toEqual({ kind: "ollama", model });
      expect(parse(`ollama://${model}`)).toEqual({ kind: "ollama", model });
    },
  );

  it("puts in what is left out of an Ollama name", () => {
    const host = "registry.ollama.ai";
    expect(ollamaName("tiny")).toEqual({ host, namespace: "library", name: "tiny", tag: "latest" });
    expect(ollamaName("hf.co/org/name:Q4_K_M")).toEqual({
      host: "hf.co",
      namespace: "org",
      name: "name",
      tag: "Q4_K_M",
    });
  });
});

describe("mistakes", () => {
  it.each([
    ["", /empty/],
    ["hf:", /names no Hugging Face repo/],
    ["hf:org/na--me", /no -- or \.\./],
    ["hf:org/na..me", /no -- or \.\./],
    [`hf:org/${"a".repeat(97)}`, /96/],
    ["hf:../name", /names no Hugging Face repo/],
    ["hf:org/name/../other", /leads out/],
    ["hf:org/name/a\\b", /leads out/],
    ["org/name@", /is no revision/],
    ["org/name@a..b", /is no revision/],
    ["org/name@100%", /%25/],
    ["org/name:", /names no quant/],
    ["org/name:Q4_K_M@main", /before the colon/],
    ["org/name:Q4_K_M/a.gguf", /names no quant/],
    ["hf://datasets/org/name", /no repo of a model/],
    [`${HUB}/datasets/org/name`, /no page of a model's repo/],
    [`${HUB}/org/name/discussions/1`, /no page of a model's repo/],
    [`${HUB}/docs/hub`, /no page of a model's repo/],
    [HUB, /no page of a model's repo/],
    [`${HUB}/org/name/resolve/main/a%2F..%2Fb`, /leads out/],
    [`${HUB}/org/name/resolve/main/%`, /%25/],
    ["https://", /no link/],
    ["https://me:hf_test@example.org/a.gguf", /password/],
    ["file://elsewhere.example.org/a.gguf", /no file of this machine/],
    ["file:///a%00.gguf", /no file of this machine/],
    ["s3://bucket/a.gguf", /links of s3:/],
    ["ollama:", /names no model/],
    ["ollama:../../tiny", /names no model/],
    ["ollama:a/b/c/d", /names no model/],
    [`hf:${"a".repeat(10_000)}`, /too long/],
  ])("refuses %j and says what is right", (text, message) => {
    expect(() => parse(text)).toThrow(TargetError);
    expect(() => parse(text)).toThrow(message);
  });

  it("says it in one line without secrets", () => {
    const said = (text: string): string => {
      try {
        return JSON.stringify(parse(text));
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(said("hf:org/\u001b[31m\n")).not.toMatch(/\p{Cc}/u);
    expect(said("https://me:hf_test@example.org/a.gguf")).not.toContain("hf_test");
  });
});

describe("links that are made", () => {
  it("encodes each segment", () => {
    expect(resolveUrl(HUB, "org/name", "refs/pr/1", "a b/c#1?.gguf")).toBe(
      `${HUB}/org/name/resolve/refs%2Fpr%2F1/a%20b/c%231%3F.gguf`,
    );
    expect(blobUrl(HUB, "gpt2", "main", "a.gguf")).toBe(`${HUB}/gpt2/blob/main/a.gguf`);
    expect(treeUrl(HUB, "org/name", SHA)).toBe(`${HUB}/org/name/tree/${SHA}`);
    expect(treeUrl(HUB, "org/name", "main", "a/b")).toBe(`${HUB}/org/name/tree/main/a/b`);
  });
});

const part = fc
  .stringMatching(/^[A-Za-z0-9_]([A-Za-z0-9_.]{0,10}[A-Za-z0-9_])?$/)
  .filter((name) => !/\.\.|\.git$/.test(name));
const revision = fc.oneof(
  fc.constantFrom("main", SHA, "refs/pr/7", "refs/convert/x-1", "feature/a/b", "100%", "v1.0", "refs/prs", "größe"),
  part,
);
const path = fc.array(
  fc.stringMatching(/^[\w.@:%# *?[\]()+ä-]{1,8}$/).filter((name) => !/^\.\.?$/.test(name)),
  {
    minLength: 1,
    maxLength: 4,
  },
);
const quant = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,10}$/);
const organised = fc.tuple(part, part).map((names) => names.join("/"));

/** Every target that parseTarget makes, but for `maybeLocal`: its text has no place for it. */
const anyTarget: fc.Arbitrary<HubTarget> = fc.oneof(
  fc.record({ kind: fc.constant("hub" as const), repo: organised }),
  fc.record({ kind: fc.constant("hub" as const), repo: organised, path: path.map((names) => names.join("/")) }),
  fc.record({ kind: fc.constant("hub" as const), repo: fc.oneof(organised, part), quant }),
  fc.record({ kind: fc.constant("hub" as const), repo: fc.oneof(organised, part), revision, quant }),
  fc.record({
    kind: fc.constant("hub" as const),
    repo: fc.oneof(organised, part),
    revision,
    path: path.map((names) => names.join("/")),
  }),
);

describe("any target", () => {
  it("is read from its own text", () => {
    fc.assert(
      fc.property(anyTarget, (target) => {
        const { maybeLocal: _, ...read } = parse(hubTargetText(target)) as HubTarget;
        expect(read).toEqual(target);
      }),
    );
  });

  it("is read from its own text where that could be a link", () => {
    const target: HubTarget = { kind: "hub", repo: "hf.co/name", revision: "main" };
    expect(parse(hubTargetText(target))).toEqual(target);
  });

  it("is read from its own text when it is of another Hub", () => {
    const linked = anyTarget.filter(({ path, revision }) => path === undefined || revision !== undefined);
    fc.assert(
      fc.property(linked, (target) => {
        const other = { ...target, endpoint: HUB };
        fc.pre(target.repo.includes("/"));
        expect(parse(hubTargetText(other), { endpoint: "http://127.0.0.1:8080" })).toEqual(other);
      }),
    );
  });

  it("or a TargetError comes of every text", () => {
    const start = fc.constantFrom(
      "",
      "hf:",
      "hf://",
      "org/name",
      "org/name@",
      `${HUB}/`,
      "ollama:",
      "https://",
      "file://",
    );
    const text = fc.tuple(start, fc.string({ unit: "binary", maxLength: 60 })).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, fc.boolean(), (word, isLocal) => {
        try {
          expect(["local", "url", "hub", "ollama"]).toContain(parse(word, { isLocal }).kind);
        } catch (error) {
          expect(error).toBeInstanceOf(TargetError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("takes no time to tell from the worst texts", () => {
    const begin = performance.now();
    for (const piece of ["a/", "@", ":", "refs/pr/1", "%2F", "..", "-", "//", "[", "\\"]) {
      for (const start of ["", "hf:org/name", "org/name@", `${HUB}/org/name/tree/`, "ollama:"]) {
        try {
          parse(start + piece.repeat(4000 / piece.length));
        } catch (error) {
          expect(error).toBeInstanceOf(TargetError);
        }
      }
    }
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});
