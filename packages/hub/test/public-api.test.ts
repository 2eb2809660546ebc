/** The names that other packages may use. */
import { expect, it } from "vitest";

import * as hub from "../src/index.ts";

it("hub", () => {
  expect(Object.keys(hub).sort()).toEqual([
    "DEFAULT_REVISION",
    "SettingsError",
    "TargetError",
    "findRepository",
    "findTarget",
    "headerCache",
    "hubRepository",
    "hubSettings",
    "hubTargetText",
    "infoOf",
    "openListed",
    "parseTarget",
    "repositoryInfo",
    "requestGate",
    "transport",
  ]);
});
