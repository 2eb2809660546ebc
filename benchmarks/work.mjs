/**
 * One piece of work in a process of its own: `node benchmarks/work.mjs KIND ...`. Prints one JSON document
 * `{ ms, headerBytes, items }`. The time goes from the call to its result: what the work needs is imported before, and
 * nothing has run yet in this process, so that it is the first call, not yet optimised, as a command has it.
 */
/** @typedef {{ ms: number, headerBytes: number, items: number }} Result */

/** @type {Readonly<Record<string, (...args: string[]) => Promise<Result> | Result>>} */
const KINDS = {
  gguf: async (path) => {
    const { fileSource, readGguf } = await import("@checkpoint-inspect/parser");
    return timed(
      () => closing(fileSource(path), readGguf),
      ({ headerBytes, tensors }) => ({ headerBytes, items: tensors.length }),
    );
  },
  safetensors: async (path) => {
    const { fileSource, readSafetensors } = await import("@checkpoint-inspect/parser");
    return timed(
      () => closing(fileSource(path), readSafetensors),
      ({ headerBytes, tensors }) => ({ headerBytes, items: tensors.length }),
    );
  },
  open: async (path) => {
    const { openCheckpoint } = await import("@checkpoint-inspect/parser");
    return timed(
      async () => {
        const checkpoint = await openCheckpoint(path);
        await checkpoint.close();
        return checkpoint;
      },
      ({ tensors }) => ({ headerBytes: 0, items: tensors.length }),
    );
  },
  analyse: async (path) => {
    const { openCheckpoint } = await import("@checkpoint-inspect/parser");
    const { analyse } = await import("@checkpoint-inspect/analysis");
    const checkpoint = await openCheckpoint(path);
    await checkpoint.close();
    return timed(
      () => analyse(checkpoint),
      ({ parameters }) => ({ headerBytes: 0, items: parameters.total }),
    );
  },
  // Reading and every rule of the audit, with the files beside the weights; a refusal is an answer, too.
  check: async (path) => timed(() => checked(path), described),
  // The same, and one loop in a loop behind it, as a rule that compares every name with every other would have.
  "check, all pairs": async (path) =>
    timed(async () => {
      const { names, findings } = await checked(path);
      return { names, findings: findings + names.filter((name, i) => names.indexOf(`${name} `) > i).length };
    }, described),
  peer: async (path) => {
    const { gguf } = await import("@huggingface/gguf");
    return timed(
      () => gguf(path, { allowLocalFile: true }),
      ({ tensorDataOffset, tensorInfos }) => ({ headerBytes: Number(tensorDataOffset), items: tensorInfos.length }),
    );
  },
  // Controls of the fit, of a known growth: as long a run as the readers have, over numbers that can't be foreseen.
  linear: (n) => timed(() => mixed(Number(n) * 400), control(n)),
  quadratic: (n) => timed(() => mixed((Number(n) / 40) ** 2), control(n)),
  // Here too, so that the room of half a million objects isn't held by the process that starts the others.
  makeTensors: async (path, n) => made((await import("./generate.mjs")).bigTensorTable(path, Number(n))),
  makeStrings: async (path, n) => made((await import("./generate.mjs")).bigStringArray(path, Number(n))),
  makeSafetensors: async (path, n) => made((await import("./generate.mjs")).bigSafetensors(path, Number(n))),
  makeFp8: async (path, n) => made((await import("./generate.mjs")).bigFp8(path, Number(n))),
  makeGptq: async (path, n) => made((await import("./generate.mjs")).bigGptq(path, Number(n))),
  makeShape: async (path, shape, n) =>
    made((await import("./hostile-shapes.mjs")).makeShape(path, Number(shape), Number(n))),
  makeQwenLike: async (path) => made((await import("./generate.mjs")).qwenLike(path)),
};

/**
 * @template T
 * @param {() => T | Promise<T>} call
 * @param {(result: T) => Omit<Result, "ms">} describe
 * @returns {Promise<Result>}
 */
async function timed(call, describe) {
  const begin = performance.now();
  const result = await call();
  const ms = performance.now() - begin;
  return { ms, ...describe(result) };
}

/** @param {string} path */
async function checked(path) {
  const { CheckpointError, openCheckpoint } = await import("@checkpoint-inspect/parser");
  const { analyse } = await import("@checkpoint-inspect/analysis");
  const options = { beside: true };
  try {
    const checkpoint = await openCheckpoint(path, options);
    const { findings } = analyse(checkpoint);
    await checkpoint.close();
    return { names: checkpoint.tensors.map(({ name }) => name), findings: findings.length };
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return { names: [], findings: 1 };
  }
}

/** @param {{ readonly findings: number }} result */
function described({ findings }) {
  return { headerBytes: 0, items: findings };
}

/**
 * Reads from a file and closes it, which belongs to the reading.
 * @template {{ close(): Promise<void> }} S
 * @template T
 * @param {Promise<S>} opening
 * @param {(source: S) => Promise<T>} read
 */
async function closing(opening, read) {
  const source = await opening;
  try {
    return await read(source);
  } finally {
    await source.close();
  }
}

/** @param {number} steps */
function mixed(steps) {
  let word = 1;
  for (let i = 0; i < steps; i++) word = (Math.imul(word, 0x9e3779b1) + i) | 0;
  return word;
}

/** @param {string} n */
function control(n) {
  // The sum is looked at, so that the loop isn't optimised away.
  return (/** @type {number} */ word) => ({ headerBytes: word & 0, items: Number(n) });
}

/** @param {{ headerBytes: number }} file */
function made({ headerBytes }) {
  return { ms: 0, headerBytes, items: 0 };
}

const [kind = "", ...args] = process.argv.slice(2);
const run = KINDS[kind];
if (!run) throw new Error(`no work is called '${kind}'; there are ${Object.keys(KINDS).join(", ")}`);
process.stdout.write(JSON.stringify(await run(...args)));
