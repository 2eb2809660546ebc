/** What a million tokens cost, from a price per hour that the user gives. An estimate: it stands and falls with the speed. */
import type { Why } from "./sourced.ts";
import type { Range } from "./speed.ts";

export interface TokenCost {
  /** Per million tokens, in the currency of the price: the cheap end is that of the fast one. */
  readonly output: Range;
  /** Of the prompt; undefined where prefill's speed isn't known. */
  readonly input?: Range;
  readonly why: Why;
}

const MILLION = 1e6;
const HOUR = 3600;
const positive = (value: number) => Number.isFinite(value) && value > 0;

/** price per hour / (tokens/s x 3600) x 1,000,000. `pricePerHour` is of all GPUs together; undefined where it isn't a price. */
export function tokenCost(input: {
  readonly pricePerHour: number;
  /** Of all sequences together. */
  readonly decode: Range;
  readonly prefill?: Range;
}): TokenCost | undefined {
  const { pricePerHour, decode, prefill } = input;
  if (!Number.isFinite(pricePerHour) || pricePerHour < 0) return undefined;
  const output = costRange(pricePerHour, decode);
  if (!output) return undefined;
  const ofInput = prefill && costRange(pricePerHour, prefill);
  const words = (name: string, speed: Range, cost: Range) =>
    `${name}: ${pricePerHour} / (${round(speed.low)} to ${round(speed.high)} tokens/s x 3600) x 1,000,000 = ${round(cost.low)} to ${round(cost.high)}`;
  return {
    output,
    ...(ofInput && { input: ofInput }),
    why: {
      formula: ["price per hour / (tokens/s x 3600) x 1,000,000, if the machine is busy all of the hour"],
      inputs: [{ name: "price per hour", value: pricePerHour, from: "--price" }],
      steps: [words("output", decode, output), ...(prefill && ofInput ? [words("input", prefill, ofInput)] : [])],
      source: "arithmetic on the estimated speed",
    },
  };
}

function costRange(pricePerHour: number, speed: Range): Range | undefined {
  if (!positive(speed.low) || !positive(speed.high)) return undefined;
  const at = (tokensPerSecond: number) => (pricePerHour / (tokensPerSecond * HOUR)) * MILLION;
  const range = { low: at(speed.high), high: at(speed.low) };
  return Number.isFinite(range.high) ? range : undefined;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
