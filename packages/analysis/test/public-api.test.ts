/** The names that the packages export. A change here is a change for everyone who imports them: say so in CHANGELOG.md. */
import * as parser from "@checkpoint-inspect/parser";
import { expect, it } from "vitest";

import * as analysis from "../src/index.ts";

it("parser", () => {
  expect(Object.keys(parser).sort()).toEqual([
    "CheckpointError",
    "DTYPES",
    "GGML_TYPES",
    "assembleSafetensors",
    "checkpointFromGguf",
    "checkpointFromSafetensors",
    "decodeNumbers",
    "dtypeBits",
    "fileSource",
    "fileTypeLabel",
    "ggmlType",
    "ggufDataSize",
    "grouped",
    "labelFromFileName",
    "localFolder",
    "memoryFileSet",
    "memorySource",
    "openCheckpoint",
    "openFileSet",
    "parseSplitName",
    "readGguf",
    "readSafetensors",
    "splitFileName",
    "splitGguf",
    "writeGguf",
    "writeGgufHeader",
    "writeIndexJson",
    "writeSafetensors",
    "writeSafetensorsHeader",
  ]);
});

it("analysis", () => {
  expect(Object.keys(analysis).sort()).toEqual([
    "BUCKETS",
    "KIND_WORDS",
    "SCHEMA_VERSION",
    "analyse",
    "architectureFacts",
    "bucketTag",
    "bucketWords",
    "countAnatomy",
    "fileTypeWords",
    "findTerm",
    "formatBytes",
    "formatCount",
    "formatExact",
    "formatRanges",
    "formatShare",
    "ggufClassifier",
    "hfClassifier",
    "hubCount",
    "kindTitle",
    "listTerms",
    "metadataValue",
    "modelFacts",
    "nearestTerms",
    "ownNumbers",
    "packingOf",
    "partWords",
    "perplexityDelta",
    "placer",
    "plural",
    "reportError",
    "splitFused",
    "splitParts",
    "typeWords",
    "valuesWanted",
  ]);
});
