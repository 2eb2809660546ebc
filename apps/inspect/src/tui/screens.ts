/** The screens by their names. A row each: nothing else knows them all. */
import type { Common, Context, Screen, ScreenId } from "./screen.ts";
import { diffScreen } from "./screens/diff.ts";
import { expertsScreen } from "./screens/experts.ts";
import { findingsScreen } from "./screens/findings.ts";
import { layersScreen } from "./screens/layers.ts";
import { memoryScreen } from "./screens/memory.ts";
import { metaScreen } from "./screens/meta.ts";
import { overviewScreen } from "./screens/overview.ts";
import { quantScreen } from "./screens/quant.ts";
import { repoScreen } from "./screens/repo.ts";
import { tensorsScreen } from "./screens/tensors.ts";

/** A screen whose own state only it knows. */
export type AnyScreen = Screen<unknown> & {
  /** Shown also where no checkpoint is open. */
  readonly free: boolean;
};

function about<S>(screen: Screen<S>): AnyScreen {
  return { ...(screen as Screen<unknown>), free: false };
}

function free<S>(screen: Screen<S, Common>): AnyScreen {
  return { ...(screen as Screen<unknown, Context>), free: true };
}

const ROWS: Readonly<Record<ScreenId, AnyScreen>> = {
  overview: about(overviewScreen),
  layers: about(layersScreen),
  tensors: about(tensorsScreen),
  quant: about(quantScreen),
  memory: about(memoryScreen),
  experts: about(expertsScreen),
  meta: about(metaScreen),
  diff: free(diffScreen),
  findings: about(findingsScreen),
  repo: free(repoScreen),
};

export function screenOf(id: ScreenId): AnyScreen {
  return ROWS[id];
}
