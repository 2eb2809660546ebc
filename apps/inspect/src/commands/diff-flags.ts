/** What `inspect diff` takes unless told, and says to one checkpoint; apart from the command, for the command line knows them. */
export const DIFF_DEFAULTS = { all: false, markdown: false } as const;

export const TWO_TARGETS = "name two checkpoints to compare: inspect diff A B";
