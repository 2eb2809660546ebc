#!/usr/bin/env node
// Checked in, so that npm can link it before anything is built.
import { existsSync } from "node:fs";

const bundle = new URL("../dist/cli.js", import.meta.url);
if (existsSync(bundle)) {
  await import(bundle.href);
} else {
  console.error("inspect: not built yet; run `npm run build` in the project folder");
  process.exitCode = 2;
}
