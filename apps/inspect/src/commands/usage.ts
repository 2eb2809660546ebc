/** A mistake in what was typed: one line, exit 2. */
export class UsageError extends Error {}
