/** Opens what the browser shows, one thing at a time, and tells how far it has come. What is opened later takes the place of what was. */
import { diffCheckpoints, diffSide } from "@checkpoint-inspect/analysis";
import { type Checkpoint, CheckpointError } from "@checkpoint-inspect/parser";

import { smallValues } from "../commands/command.ts";
import { openTarget, type RemoteFlags } from "../open-target.ts";
import type { RemotePlace, RemoteWatch } from "../remote/open-remote.ts";
import { trafficWords } from "../remote/traffic-words.ts";
import { folderCollection, placeCollection } from "./collect.ts";
import type { Event } from "./state.ts";
import { subjectOf } from "./subject.ts";

/** How often what is fetched is told. */
const PROGRESS_MS = 100;

interface Taken {
  readonly checkpoint: Checkpoint;
  readonly place: RemotePlace | undefined;
}

export interface Opener {
  open(target: string, other?: string): void;
  compare(a: string, b: string): void;
  /** What is under way is dropped when it comes. */
  cancel(): void;
  /** Closes the files. */
  close(): Promise<void>;
}

export function opener(flags: RemoteFlags, tell: (event: Event) => void): Opener {
  let turn = 0;
  let held: Checkpoint | undefined;
  const isGone = (own: number): boolean => own !== turn;

  const take = async (target: string, own: number, isMain: boolean): Promise<Taken | undefined> => {
    const words = { traffic: "", parts: "" };
    const say = (): void => {
      if (!isGone(own))
        tell({ kind: "opening", what: target, words: [words.parts, words.traffic].filter(Boolean).join(", ") });
    };
    let timer: NodeJS.Timeout | undefined;
    const watch: RemoteWatch = {
      traffic: (traffic) => {
        timer = setInterval(() => {
          words.traffic = trafficWords(traffic);
          say();
        }, PROGRESS_MS);
      },
      place: (place) => {
        if (!isMain) return;
        void placeCollection(place).then((collection) => {
          if (collection && !isGone(own)) tell({ kind: "collected", target, collection });
        });
      },
    };
    const onPart = (done: number, total: number): void => {
      if (total < 2) return;
      words.parts = `headers of ${done} of ${total} files`;
      say();
    };
    const { checkpoint, error, place } = await openTarget(target, { ...flags, quiet: true }, { onPart }, watch).finally(
      () => clearInterval(timer),
    );
    if (isGone(own)) {
      await checkpoint?.close();
      return undefined;
    }
    if (!checkpoint) throw error ?? new CheckpointError("not-found", `nothing at ${target}`, { file: target });
    return { checkpoint, place };
  };

  const openOne = async (target: string, own: number): Promise<void> => {
    const folder = await folderCollection(target);
    if (isGone(own)) return;
    if (folder) tell({ kind: "collected", target, collection: folder });
    const taken = await take(target, own, true).catch((error: unknown) => {
      // A folder of several has none of its own to open: its user chooses.
      if (folder?.title === target && error instanceof CheckpointError) return undefined;
      throw error;
    });
    if (!taken) {
      if (!isGone(own)) tell({ kind: "chosen" });
      return;
    }
    const { checkpoint, place } = taken;
    const subject = await subjectOf(checkpoint, target);
    if (isGone(own)) return checkpoint.close();
    const before = held;
    held = checkpoint;
    const collection = place && (await placeCollection(place, subject.report));
    if (collection) tell({ kind: "collected", target, collection });
    tell({ kind: "opened", target, subject });
    // Which of a repo's files was taken, where nobody said.
    if (place?.why !== undefined) tell({ kind: "said", toast: place.why });
    await before?.close();
  };

  const openTwo = async (a: string, b: string, own: number): Promise<void> => {
    const sides = [];
    for (const target of [a, b]) {
      const taken = await take(target, own, false);
      if (!taken) return;
      const { checkpoint } = taken;
      try {
        const { report } = await subjectOf(checkpoint, target);
        sides.push(diffSide(checkpoint, report, await smallValues(checkpoint)));
      } finally {
        await checkpoint.close();
      }
    }
    const [first, second] = sides;
    if (isGone(own) || !first || !second) return;
    tell({ kind: "compared", comparison: { a, b, diff: diffCheckpoints(first, second) } });
  };

  const run = (work: (own: number) => Promise<void>): void => {
    const own = ++turn;
    work(own).catch((error: unknown) => {
      if (isGone(own)) return;
      // A mistake of ours must not pass for a bad file.
      if (!(error instanceof CheckpointError)) throw error;
      tell({ kind: "failed", problem: error.message });
    });
  };

  return {
    open: (target, other) =>
      run(async (own) => {
        await openOne(target, own);
        if (other !== undefined && !isGone(own)) await openTwo(target, other, own);
      }),
    compare: (a, b) => run((own) => openTwo(a, b, own)),
    cancel: () => {
      turn++;
    },
    async close() {
      turn++;
      await held?.close();
    },
  };
}
