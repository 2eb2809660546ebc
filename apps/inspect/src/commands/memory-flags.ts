/** What `inspect memory` takes unless told; apart from the command, for the start path knows them. */
export const MEMORY_DEFAULTS = { optimizer: "adamw", rank: 16 } as const;
