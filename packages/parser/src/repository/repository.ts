/**
 * The neutral model of a repository: files by path, and the checkpoints that their names show. Nothing of them has been read.
 * A Hub repo at one revision, a snapshot in a local cache and a folder all fit it.
 */

/** A file by its path from the repository's root, with forward slashes. */
export interface RepositoryFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** SHA-256 of its content, lower-case hex, where it is kept as a large file (Git LFS, xet). */
  readonly sha256?: string;
  /** git's SHA-1 of the blob: of the content of a small file, of the pointer of a large one. */
  readonly oid?: string;
}

/**
 * What a checkpoint is there for. `model` is what people come for; a `projector` (mmproj), a `draft` model and an `imatrix` go
 * with one; an `adapter` needs its base; a `copy` holds the same weights once more (Mistral's consolidated files, variants).
 */
export type CheckpointUse = "model" | "projector" | "draft" | "imatrix" | "adapter" | "copy";

export interface ListedCheckpoint {
  /**
   * What opens it: the path of a file or index, or of the folder of a pipeline (empty for the root). Of a set without an index
   * the first part that is there.
   */
  readonly entry: string;
  readonly kind: "gguf" | "safetensors" | "pipeline";
  readonly use: CheckpointUse;
  /** Its name in short, relative to its folder: a file name without part number and ending. */
  readonly label: string;
  /** Quantization label in its file name or its folder's: `Q4_K_M`. */
  readonly quant?: string;
  /** `fp16` of `model.fp16.safetensors`. */
  readonly variant?: string;
  /** The weights that are there, in order. */
  readonly files: readonly RepositoryFile[];
  readonly sizeBytes: number;
  /** How many files there should be, as the names say. */
  readonly declaredParts: number;
  /** Paths of the parts that the names promise and that aren't there. */
  readonly missing: readonly string[];
  /** Of a pipeline: its sub-folders with weights. */
  readonly components?: readonly { readonly name: string; readonly sizeBytes: number; readonly files: number }[];
}

/** What the Hub's API says of a repo (`GET /api/models/{id}`). Every field may be absent: absent is unknown, not "no". */
export interface RepositoryInfo {
  /** Commit that the asked revision stands for. */
  readonly commit?: string;
  readonly lastModified?: string;
  readonly author?: string;
  /** `false`, or how access is granted. */
  readonly gated?: false | "auto" | "manual";
  readonly private?: boolean;
  readonly disabled?: boolean;
  readonly tags?: readonly string[];
  /** `cardData.license`, or the tag `license:...`: `apache-2.0`. */
  readonly license?: string;
  /** `cardData.base_model`. */
  readonly baseModels?: readonly string[];
  readonly libraryName?: string;
  readonly pipelineTag?: string;
  readonly downloads?: number;
  readonly likes?: number;
  readonly usedStorageBytes?: number;
  /** What the Hub has counted in the safetensors files. */
  readonly safetensors?: { readonly total: number; readonly parameters: Readonly<Record<string, number>> };
  readonly gguf?: { readonly total?: number; readonly architecture?: string; readonly contextLength?: number };
  /** The Hub's scans of the files (`securityStatus=true`). A file that isn't listed is no safe file while `done` is false. */
  readonly scans?: {
    readonly done: boolean;
    readonly files: readonly { readonly path: string; readonly level: string }[];
  };
}
