/**
 * Has one client look at one thing on the Hub of `HF_ENDPOINT`, and says how long it took and what it found. Run by remote.mjs, in
 * a process of its own, so that client and server don't wait for each other.
 *
 *     node remote-client.mjs ours|hub|gguf TARGET
 */
const [client = "", target = ""] = process.argv.slice(2);
const hubUrl = process.env.HF_ENDPOINT ?? "";

/** @type {Readonly<Record<string, () => Promise<() => Promise<number>>>>} */
const CLIENTS = {
  /** This toolkit, from the target as it is typed to the report. */
  ours: async () => {
    const { findTarget, headerCache, hubSettings, parseTarget, transport } = await import("@checkpoint-inspect/hub");
    const { analyse } = await import("@checkpoint-inspect/analysis");
    return async () => {
      const settings = await hubSettings({});
      const remote = { transport: transport(settings), cache: headerCache(settings.headerCache) };
      const parsed = parseTarget(target, { endpoint: settings.endpoint, isLocal: false });
      if (parsed.kind === "local") throw new Error(`${target} is a local path`);
      const found = await findTarget(parsed, remote);
      const checkpoint = await found.open();
      const { parameters } = analyse(checkpoint, { target });
      await checkpoint.close();
      return parameters.total;
    };
  },
  /** parseSafetensorsMetadata of @huggingface/hub. */
  hub: async () => {
    const { parseSafetensorsMetadata } = await import("@huggingface/hub");
    return async () => {
      const { parameterTotal, parameterCount } = await parseSafetensorsMetadata({
        repo: target,
        hubUrl,
        computeParametersCount: true,
      });
      return parameterTotal ?? Object.values(parameterCount).reduce((sum, count) => sum + count, 0);
    };
  },
  /** gguf of @huggingface/gguf, which takes the URL of a file. */
  gguf: async () => {
    const { gguf } = await import("@huggingface/gguf");
    return async () => {
      const { parameterCount } = await gguf(target, { computeParametersCount: true });
      return parameterCount;
    };
  },
};

const look = await CLIENTS[client]?.();
if (!look) throw new Error(`no client ${client}`);
const begin = performance.now();
const parameters = await look();
process.stdout.write(JSON.stringify({ ms: performance.now() - begin, parameters }));
