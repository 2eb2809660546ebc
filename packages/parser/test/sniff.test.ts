import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { describeReal, realData } from "../../../test-support/real-data.ts";
import { writeSafetensors } from "../src/safetensors/write.ts";
import { describeForeign, sniff } from "../src/source/sniff.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const hex = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value.replaceAll(" ", ""), "hex"));
const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const zip = (name: string): Uint8Array => join(hex("504b0304"), new Uint8Array(22), hex("0000 0000"), text(name));

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${"4d7a".repeat(16)}\nsize 4781571736\n`;

it.each([
  ["gguf", text("GGUF\u0003\0\0\0")],
  ["gguf", text("GGUF")],
  ["gguf", text("GG")],
  ["safetensors", writeSafetensors([])],
  ["safetensors", join(hex("1000000000000000"), text(" \n\t{"))],
  ["git-lfs-pointer", text(LFS)],
  ["html", text("\n<!DOCTYPE html><html>")],
  ["html", text("<html lang=en>")],
  ["xml", text('<?xml version="1.0"?><Error><Code>AccessDenied</Code>')],
  ["pytorch-zip", zip("archive/data.pkl")],
  ["zip", zip("readme.txt")],
  ["zip", zip("weights.npy")],
  ["pickle", hex("8002 8a0a 6cfc9c46f9206aa85019")],
  ["pickle", hex("8004 95")],
  ["legacy-ggml", text("lmgg")],
  ["legacy-ggml", text("fmgg")],
  ["legacy-ggml", text("tjgg")],
  ["legacy-ggml", text("algg")],
  ["gguf-reversed", text("FUGG")],
  ["compressed", hex("1f8b0800")],
  ["compressed", hex("28b52ffd")],
  ["compressed", hex("fd377a585a00")],
  ["archive", hex("377abcaf271c")],
  ["document", text("%PDF-1.7")],
  ["program", hex("7f454c46")],
  ["json", text('{\n  "model_type": "llama"\n}')],
  ["json", text("{}")],
  ["hdf5", hex("894844460d0a1a0a")],
  ["numpy", join(hex("93"), text("NUMPY"))],
  ["onnx", join(hex("0808 12 07"), text("pytorch"))],
  ["text", text("Access to model x is restricted.")],
  ["empty", new Uint8Array()],
  ["zeros", new Uint8Array(8)],
  ["zeros", new Uint8Array(10_000)],
  ["unknown", hex("ff00ff00 01020304 99")],
] as const)("names %s", (kind, bytes) => {
  expect(sniff(bytes, "model.dat").kind).toBe(kind);
});

it("tells size and sum of the file that a Git LFS pointer stands for", () => {
  const { message, code, file } = describeForeign(sniff(text(LFS), "m.safetensors"), "m.safetensors");
  expect(message).toContain("4781571736 bytes");
  expect(message).toContain("4d7a".repeat(16));
  expect(message).toContain("git lfs pull");
  expect({ code, file }).toEqual({ code: "bad-magic", file: "m.safetensors" });
});

it("goes by the name only where the bytes don't tell", () => {
  const odd = hex("ffffffffffffff7f 7b7d");
  expect(sniff(odd, "a.safetensors").kind).toBe("safetensors");
  expect(sniff(odd, "a.bin").kind).toBe("unknown");
  expect(sniff(zip("x"), "model.dduf").kind).toBe("dduf");
  expect(sniff(zip("model/x"), "pytorch_model.bin").kind).toBe("pytorch-zip");
  expect(sniff(text("GGUF"), "a.safetensors").kind).toBe("gguf");
});

it("takes JSON in place of weights for a server's answer", () => {
  const said = (json: string, name: string): string => describeForeign(sniff(text(json), name), name).message;
  const answer = "the download got a server's answer, perhaps an error; fetch it again";
  expect(said('{"error": "Repository not found"}', "model.dat")).toContain(answer);
  expect(said('{"a": 1}', "model.safetensors")).toContain(answer);
  expect(said('{"model_type": "llama"}', "config.json")).toContain("open the weights beside it");
});

it("answers in one line for any bytes, however few", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const { message } = describeForeign(sniff(bytes, "x.bin"), "x.bin");
      expect(message).toMatch(/^this is [^\n\r\x1b]+$/);
    }),
  );
});

describeReal("files from before GGUF", () => {
  it("names a ggjt file", () => {
    const bytes = readFileSync(realData("legacy-ggml", "ggml-vocab.2023-03-30.ggjt.bin"));
    expect(sniff(bytes, "ggml-vocab.bin")).toMatchObject({ kind: "legacy-ggml" });
  });
});

it.each(["model.gguf.part2of2", "model.gguf-split-b", "model.gguf.002"])(
  "%s is named as a piece of a cut file",
  (name) => {
    const bytes = hex("9abcdef0 12345678");
    expect(describeForeign(sniff(bytes, name), name).message).toContain("join the pieces in their order with cat");
    expect(describeForeign(sniff(bytes, "model.gguf"), "model.gguf").message).not.toContain("join");
  },
);
