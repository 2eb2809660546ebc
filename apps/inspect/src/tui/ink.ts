/**
 * All that knows Ink and React: it hands keys out and puts lines in. A bundle of its own, for Ink waits at its top level for its
 * layout engine, which CommonJS can't.
 *
 * The whole frame is one text whose content never changes, and a transform that paints the lines: Ink measures and wraps every text
 * that it is given and keeps the results for ever, so lines as texts of their own would cost twice the time and grow with each key.
 */
import { Box, type Key as InkKey, render, Text, Transform, useInput } from "ink";
import { createElement, useSyncExternalStore } from "react";

/** What is shown, and who wants to know about keys. */
export interface Stage {
  /** Painted lines, each exactly as wide as the terminal. A new array for each new frame. */
  lines(): readonly string[];
  /** Calls back whenever there are new lines; returns what ends that. */
  subscribe(changed: () => void): () => void;
  key(input: string, key: InkKey): void;
}

export interface MountOptions {
  readonly stdout: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  /** Read aloud: plain texts from top to bottom. */
  readonly isRead: boolean;
  /** Each frame below the one before, for terminals that can't go back. */
  readonly appends: boolean;
}

export interface Mounted {
  unmount(): void;
  done(): Promise<unknown>;
}

/** Frames are drawn when keys ask for them; this is only a bound for bursts. */
const MOST_FRAMES = 120;

export function mount(stage: Stage, { stdout, stdin, isRead, appends }: MountOptions): Mounted {
  const instance = render(createElement(isRead || appends ? Reading : Frame, { stage }), {
    stdout,
    stdin,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: MOST_FRAMES,
    isScreenReaderEnabled: isRead,
    debug: appends,
  });
  return {
    unmount: () => instance.unmount(),
    done: () => instance.waitUntilExit(),
  };
}

function useLines(stage: Stage): readonly string[] {
  useInput((input, key) => stage.key(input, key));
  return useSyncExternalStore(stage.subscribe, stage.lines);
}

function Frame({ stage }: { readonly stage: Stage }) {
  const lines = useLines(stage);
  const transform = (_: string, row: number): string => lines[row] ?? "";
  const blank = Array.from({ length: lines.length }, () => ".").join("\n");
  return createElement(
    Box,
    { height: lines.length },
    createElement(Transform, { transform }, createElement(Text, null, blank)),
  );
}

function Reading({ stage }: { readonly stage: Stage }) {
  const lines = useLines(stage);
  return createElement(
    Box,
    { flexDirection: "column" },
    ...lines.map((text, row) => createElement(Text, { key: row }, text === "" ? " " : text)),
  );
}
