/** What one layer is made of, part by part: q, k, v, o, gate, up, down. Worked out once a checkpoint. */
import type { Bucket, Layer } from "@checkpoint-inspect/analysis";

import type { Subject } from "./subject.ts";

export interface LayerPart {
  readonly bucket: Bucket;
  readonly part: string;
  /** In all of its tensors. */
  readonly parameters: number;
  readonly bytes: number;
  readonly tensors: number;
  /** Storage types, most bytes first. */
  readonly types: readonly string[];
  /** Place of its first tensor in the checkpoint. */
  readonly first: number;
  /** Name of its first tensor. */
  readonly name: string;
}

const known = new WeakMap<Subject, ReadonlyMap<string, readonly LayerPart[]>>();

/** The parts of a layer, most bytes first. */
export function layerParts(subject: Subject, { stack, index }: Pick<Layer, "stack" | "index">): readonly LayerPart[] {
  let all = known.get(subject);
  if (!all) {
    all = collect(subject);
    known.set(subject, all);
  }
  return all.get(`${stack} ${index}`) ?? [];
}

interface Open {
  bucket: Bucket;
  part: string;
  parameters: number;
  bytes: number;
  tensors: number;
  types: Map<string, number>;
  first: number;
  name: string;
}

function collect({ tensors }: Subject): ReadonlyMap<string, readonly LayerPart[]> {
  const layers = new Map<string, Map<string, Open>>();
  for (const [i, { tensor, role, parameters }] of tensors.entries()) {
    if (role.layer === undefined) continue;
    const at = `${role.stack} ${role.layer}`;
    let parts = layers.get(at);
    if (!parts) {
      parts = new Map();
      layers.set(at, parts);
    }
    const key = `${role.bucket} ${role.part}`;
    let part = parts.get(key);
    if (!part) {
      part = {
        bucket: role.bucket,
        part: role.part,
        parameters: 0,
        bytes: 0,
        tensors: 0,
        types: new Map(),
        first: i,
        name: tensor.name,
      };
      parts.set(key, part);
    }
    part.parameters += parameters;
    part.bytes += tensor.sizeBytes;
    part.tensors++;
    part.types.set(tensor.type, (part.types.get(tensor.type) ?? 0) + tensor.sizeBytes);
  }
  return new Map(
    [...layers].map(([at, parts]) => [at, [...parts.values()].map(closed).sort((a, b) => b.bytes - a.bytes)]),
  );
}

function closed({ types, ...part }: Open): LayerPart {
  return { ...part, types: [...types].sort((a, b) => b[1] - a[1]).map(([type]) => type) };
}
