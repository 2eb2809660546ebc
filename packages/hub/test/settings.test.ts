import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { hubSettings, SettingsError } from "../src/settings.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "settings-"));
});
afterEach(() => rm(home, { recursive: true }));

/** Settings of someone whose home is an empty folder. */
const settings = (env: Record<string, string> = {}, flags: { token?: string; offline?: boolean } = {}) =>
  hubSettings(flags, { HOME: home, USERPROFILE: home, ...env });

async function file(name: string, text: string): Promise<string> {
  const path = join(home, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, text);
  return path;
}

describe("the endpoint", () => {
  it.each([
    [{}, "https://huggingface.co"],
    [{ HF_ENDPOINT: " " }, "https://huggingface.co"],
    [{ HF_ENDPOINT: "http://127.0.0.1:8080//" }, "http://127.0.0.1:8080"],
    [{ HF_ENDPOINT: "https://Example.org/api/hub/" }, "https://example.org/api/hub"],
  ])("of %j is %s", async (env, endpoint) => {
    expect(await settings(env)).toMatchObject({ endpoint });
  });

  it.each([
    ["huggingface.co", /https:\/\//],
    ["ftp://example.org", /https:\/\//],
    ["https://example.org/?a=1", /\? or #/],
    ["https://me:hf_test@example.org", /password/],
  ])("can't be %s", async (HF_ENDPOINT, message) => {
    await expect(settings({ HF_ENDPOINT })).rejects.toThrow(SettingsError);
    await expect(settings({ HF_ENDPOINT })).rejects.toThrow(message);
    await expect(settings({ HF_ENDPOINT })).rejects.not.toThrow(/hf_test/);
  });
});

describe("the token", () => {
  it("is of the flag, then of the variables, then of the files", async () => {
    const usual = await file(".cache/huggingface/token", "hf_usual\n");
    const own = await file("own/token", "hf_own");
    const other = await file("other", "hf_other");
    const steps: [Record<string, string>, string, string][] = [
      [{}, "hf_usual", usual],
      [{ HF_HOME: join(home, "own") }, "hf_own", own],
      [{ HF_TOKEN_PATH: other }, "hf_other", other],
      [{ HUGGING_FACE_HUB_TOKEN: "hf_old" }, "hf_old", "HUGGING_FACE_HUB_TOKEN"],
      [{ HF_TOKEN: " hf_new\r\n" }, "hf_new", "HF_TOKEN"],
      [{ HF_TOKEN: "\n" }, "hf_old", "HUGGING_FACE_HUB_TOKEN"],
    ];
    let env = {};
    for (const [more, token, tokenFrom] of steps) {
      env = { ...env, ...more };
      expect(await settings(env)).toMatchObject({ token, tokenFrom });
    }
    expect(await settings(env, { token: "hf_flag" })).toMatchObject({ token: "hf_flag", tokenFrom: "--token" });
  });

  it("is none where none is set, and only the flag's with HF_HUB_DISABLE_IMPLICIT_TOKEN", async () => {
    expect(await settings()).not.toHaveProperty("token");
    const env = { HF_TOKEN: "hf_test", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" };
    expect(await settings(env)).not.toHaveProperty("token");
    expect(await settings(env, { token: "hf_flag" })).toMatchObject({ token: "hf_flag" });
  });

  it.each([
    ["hf_test\nX-Other: 1", /line break/],
    ["hf_ test", /a space/],
    ["hf_test\u0007", /a control/],
    ["hf_täst", /not ASCII/],
    ["hf_".repeat(3000), /too long/],
  ])("can't be %j, and the message doesn't show it", async (text, message) => {
    const path = await file("token", text);
    for (const env of [{ HF_TOKEN: text }, { HF_TOKEN_PATH: path }]) {
      await expect(settings(env)).rejects.toThrow(message);
      await expect(settings(env)).rejects.not.toThrow(/hf_/);
    }
  });

  it("of an empty flag is a mistake", async () => {
    await expect(settings({}, { token: "" })).rejects.toThrow(/--token is empty/);
  });
});

describe("being offline", () => {
  it.each([
    [{}, undefined],
    [{ HF_HUB_OFFLINE: "1" }, "HF_HUB_OFFLINE"],
    [{ HF_HUB_OFFLINE: "yes" }, "HF_HUB_OFFLINE"],
    [{ HF_HUB_OFFLINE: "0" }, undefined],
    [{ TRANSFORMERS_OFFLINE: "True" }, "TRANSFORMERS_OFFLINE"],
    [{ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "1" }, undefined],
    [{ HF_HUB_OFFLINE: "", TRANSFORMERS_OFFLINE: "1" }, "TRANSFORMERS_OFFLINE"],
  ])("by %j is %j", async (env, from) => {
    const { offline, offlineFrom } = await settings(env as Record<string, string>);
    expect([offline, offlineFrom]).toEqual([from !== undefined, from]);
  });

  it("is by the flag first", async () => {
    expect(await settings({ HF_HUB_OFFLINE: "1" }, { offline: true })).toMatchObject({ offlineFrom: "--offline" });
    expect(await settings({ HF_HUB_OFFLINE: "1" }, { offline: false })).toMatchObject({ offline: true });
  });
});

describe("the folders", () => {
  it("of the Hub's cache come in the order of huggingface_hub", async () => {
    const steps: [Record<string, string>, string][] = [
      [{}, join(home, ".cache", "huggingface", "hub")],
      [{ XDG_CACHE_HOME: join(home, "xdg") }, join(home, "xdg", "huggingface", "hub")],
      [{ HF_HOME: join(home, "hf") }, join(home, "hf", "hub")],
      [{ HUGGINGFACE_HUB_CACHE: join(home, "old") }, join(home, "old")],
      [{ HF_HUB_CACHE: join(home, "new") }, join(home, "new")],
    ];
    let env = {};
    for (const [more, hubCache] of steps) {
      env = { ...env, ...more };
      expect(await settings(env)).toMatchObject({ hubCache });
    }
  });

  it("may be written with ~ and with other variables", async () => {
    expect((await settings({ HF_HOME: "~/hf" })).hubCache).toBe(join(home, "hf", "hub"));
    expect((await settings({ HF_HUB_CACHE: "~" })).hubCache).toBe(home);
    const env = { SHARED: join(home, "shared"), HF_HUB_CACHE: `\${SHARED}/hub` };
    expect((await settings(env)).hubCache).toBe(join(home, "shared", "hub"));
    expect((await settings({ ...env, HF_HUB_CACHE: "$SHARED/a" })).hubCache).toBe(join(home, "shared", "a"));
  });

  it("of our own cache and of Ollama can be set", async () => {
    const env = { CHECKPOINT_INSPECT_CACHE: "~/ours", OLLAMA_MODELS: "~/models" };
    expect(await settings(env)).toMatchObject({ headerCache: join(home, "ours"), ollamaModels: join(home, "models") });
    await mkdir(join(home, ".ollama", "models"), { recursive: true });
    expect((await settings()).ollamaModels).toBe(join(home, ".ollama", "models"));
    const { headerCache } = await settings();
    expect(headerCache).toContain("checkpoint-inspect");
    expect(headerCache).not.toContain("nodejs");
    expect(headerCache.startsWith(process.env.XDG_CACHE_HOME || process.env.LOCALAPPDATA || homedir())).toBe(true);
  });
});

describe("the rest", () => {
  it("takes timeouts in seconds, with fractions", async () => {
    expect(await settings()).toMatchObject({ answerTimeoutMs: 10_000, stallTimeoutMs: 10_000 });
    const env = { HF_HUB_ETAG_TIMEOUT: "0.5", HF_HUB_DOWNLOAD_TIMEOUT: "1e99" };
    expect(await settings(env)).toMatchObject({ answerTimeoutMs: 500, stallTimeoutMs: 2 ** 31 - 1 });
    for (const value of ["0", "-1", "soon", "NaN"]) {
      await expect(settings({ HF_HUB_ETAG_TIMEOUT: value })).rejects.toThrow(/HF_HUB_ETAG_TIMEOUT must be/);
    }
  });

  it("sees a proxy in capitals and in small letters", async () => {
    expect((await settings()).proxied).toBe(false);
    for (const name of ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) {
      expect((await settings({ [name]: "http://127.0.0.1:3128" })).proxied).toBe(true);
      expect((await settings({ [name]: "" })).proxied).toBe(false);
    }
  });
});
