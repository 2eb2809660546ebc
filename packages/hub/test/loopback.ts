/** Set-up lines of the tests that talk to loopback servers. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { CheckpointError } from "@checkpoint-inspect/parser";
import { afterEach } from "vitest";
import { type FakeHub, startFakeHub } from "../../../test-support/fake-hub/fake-hub.mjs";
import type { HubSettings } from "../src/settings.ts";
import { type Transport, type TransportOptions, transport } from "../src/transport/transport.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Done after the test. */
export function atEnd(end: () => unknown): void {
  ends.push(end);
}

export async function hubWith(options: NonNullable<Parameters<typeof startFakeHub>[0]>): Promise<FakeHub> {
  const hub = await startFakeHub(options);
  atEnd(() => hub.close());
  return hub;
}

/** A server of a test's own. @returns its origin */
export async function serverOf(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Settings with short timeouts. */
function settingsOf(endpoint: string, more: Partial<HubSettings> = {}): HubSettings {
  return {
    endpoint,
    offline: false,
    hubCache: "",
    headerCache: "",
    ollamaModels: "",
    answerTimeoutMs: 2000,
    stallTimeoutMs: 2000,
    proxied: false,
    ...more,
  };
}

/** A transport that retries without delay. */
export function wayTo(endpoint: string, more: Partial<HubSettings> = {}, options: TransportOptions = {}): Transport {
  return transport(settingsOf(endpoint, more), { backoffMs: 1, ...options });
}

/** The error of a request that has to fail with one of ours. */
export async function failureOf(promise: Promise<unknown>): Promise<CheckpointError> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof CheckpointError)) throw error;
  return error;
}

/** `code: message` of a request's error. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  const { code, message } = await failureOf(promise);
  return `${code}: ${message}`;
}
