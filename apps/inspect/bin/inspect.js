#!/usr/bin/env node
// Checked in, so that npm can link it before anything is built.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const dist = join(__dirname, "../dist");
if (existsSync(join(dist, "start.cjs"))) {
  require("../dist/start.cjs").start(dist, process.argv.slice(2));
} else {
  console.error("inspect: not built yet; run `npm run build` in the project folder");
  process.exitCode = 2;
}
