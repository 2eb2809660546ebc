/**
 * From an answer that isn't the wanted one to an error with a sentence on what to do. The Hub's error codes (`X-Error-Code`) and
 * which status they come with: reference "Hub protocol".
 */
import { type ErrorCode, oneLine, quoted } from "@checkpoint-inspect/parser";
import type { HubSettings } from "../settings.ts";
import type { Place } from "./place.ts";
import { askedWait } from "./rate-limit.ts";
import { type Again, RequestError } from "./request-error.ts";

/** Characters of a server's own text that a message shows. */
const MAX_SERVER_TEXT = 200;

const GIVE_TOKEN = "give a token (HF_TOKEN or --token)";

interface Told {
  readonly status: number;
  /** `X-Error-Code`. */
  readonly hubCode: string;
  /** `X-Error-Message`. */
  readonly text: string;
  readonly place: Place;
  readonly settings: HubSettings;
  /** The request carried our token. */
  readonly withToken: boolean;
  readonly waitMs: number | undefined;
}

interface Row {
  readonly when: (told: Told) => boolean;
  readonly code: ErrorCode;
  readonly say: (told: Told) => string;
  readonly again?: Again;
}

/** The first row that fits counts. */
const ROWS: readonly Row[] = [
  {
    when: ({ text }) => /access to this resource is disabled/i.test(text),
    code: "not-on-server",
    say: (told) => `${repo(told)} is disabled by ${told.place.host}: nothing in it can be read; use another repo`,
  },
  {
    when: ({ hubCode, withToken }) => hubCode === "GatedRepo" && !withToken,
    code: "auth",
    say: (told) => `${repo(told)} is gated: accept its terms at ${page(told)}, then ${GIVE_TOKEN}`,
  },
  {
    when: ({ hubCode }) => hubCode === "GatedRepo",
    code: "auth",
    say: (told) =>
      `${repo(told)} is gated, and the account of the token from ${from(told)} isn't let in: accept the terms at ${page(told)}, or wait until they let you in`,
  },
  {
    when: ({ status, withToken, text }) => (status === 401 && withToken) || /invalid credentials/i.test(text),
    code: "auth",
    say: (told) =>
      `${told.place.host} refused the token from ${from(told)}${said(told)}; make a new one at ${told.settings.endpoint}/settings/tokens, or unset it`,
  },
  {
    when: ({ hubCode, withToken }) => hubCode === "RepoNotFound" && withToken,
    code: "not-on-server",
    say: (told) =>
      `${told.place.host} has no repo ${repo(told)}, or the token from ${from(told)} may not see it; check the name, or use a token of an account that may`,
  },
  {
    when: ({ hubCode, status, place }) => hubCode === "RepoNotFound" || (status === 401 && place.repo !== undefined),
    code: "not-on-server",
    say: (told) =>
      `${told.place.host} has no repo ${repo(told)}, or it is private; check the name, or ${GIVE_TOKEN} of an account that may see it`,
  },
  {
    when: ({ hubCode }) => hubCode === "RevisionNotFound",
    code: "not-on-server",
    say: (told) =>
      `${repo(told)} has no revision ${quoted(told.place.revision ?? "")}; check the branch, tag or commit at ${page(told)}/tree/main`,
  },
  {
    when: ({ hubCode, status, place }) =>
      hubCode === "EntryNotFound" || ((status === 404 || status === 410) && place.path !== undefined),
    code: "not-on-server",
    say: (told) =>
      `${repo(told)} has no file ${quoted(told.place.path ?? told.place.url)} at revision ${oneLine(told.place.revision ?? "main")}; the files it has are at ${page(told)}/tree/main`,
  },
  {
    when: ({ status }) => status === 401,
    code: "auth",
    say: (told) => `${told.place.url} can only be read by those who sign in (401); ${elsewhere(told)}`,
  },
  {
    when: ({ status, withToken }) => status === 403 && withToken,
    code: "auth",
    say: (told) =>
      `${told.place.host} denies access to ${what(told)} (403)${said(told)}; check what the token from ${from(told)} may read`,
  },
  {
    when: ({ status }) => status === 403,
    code: "auth",
    say: (told) => `${told.place.host} denies access to ${what(told)} (403)${said(told)}; ${elsewhere(told)}`,
  },
  {
    when: ({ status }) => status === 404 || status === 410,
    code: "not-on-server",
    say: (told) => `${told.place.host} has nothing at ${what(told)} (${told.status})${said(told)}; check the address`,
  },
  {
    when: ({ status }) => status === 416,
    code: "network",
    say: (told) => `${what(told)} is shorter than the bytes asked for (416); it may have changed: run again`,
  },
  {
    when: ({ status }) => status === 429,
    code: "network",
    say: (told) => `${told.place.host} limits the rate of requests (429); ${later(told)}`,
    again: "yes",
  },
  {
    when: ({ status }) => [408, 425, 500, 502, 503, 504].includes(status),
    code: "network",
    say: (told) =>
      `${told.place.host} could not answer for ${what(told)} (${told.status})${said(told)}; try again in some minutes`,
    again: "yes",
  },
  {
    when: ({ status }) => status >= 500,
    code: "network",
    say: (told) =>
      `${told.place.host} failed on ${what(told)} (${told.status})${said(told)}; try again in some minutes`,
  },
  {
    when: ({ status }) => status >= 400,
    code: "network",
    say: (told) => `${told.place.host} refused the request for ${what(told)} (${told.status})${said(told)}`,
  },
  {
    when: () => true,
    code: "network",
    say: (told) =>
      `${told.place.host} gave an answer for ${what(told)} that is of no use (${told.status}); check the address`,
  },
];

/** The error for an answer that isn't 2xx. */
export function answerError(
  answer: { readonly status: number; readonly headers: Headers },
  place: Place,
  settings: HubSettings,
  withToken: boolean,
): RequestError {
  const { status, headers } = answer;
  const hubCode = headers.get("x-error-code") ?? "";
  const text = (headers.get("x-error-message") ?? "").trim();
  const waitMs = status === 429 || status === 503 ? askedWait(headers) : undefined;
  const told = { status, hubCode, text, place, settings, withToken, waitMs };
  const row = ROWS.find(({ when }) => when(told)) as Row;
  return new RequestError(row.code, row.say(told), { again: row.again ?? "no", waitMs, status, headers });
}

function repo({ place }: Told): string {
  return oneLine(place.repo ?? place.url);
}

/** The repo's page, where terms are accepted. */
function page({ place, settings }: Told): string {
  return place.repo === undefined ? place.url : `${settings.endpoint}/${oneLine(place.repo)}`;
}

function what({ place }: Told): string {
  if (place.repo === undefined) return place.url;
  return oneLine(place.path === undefined ? place.repo : `${place.repo}/${place.path}`);
}

function from({ settings }: Told): string {
  return settings.tokenFrom ?? "the settings";
}

function said({ text }: Told): string {
  return text === "" ? "" : `: ${quoted(text, MAX_SERVER_TEXT)}`;
}

function elsewhere({ place, settings, withToken }: Told): string {
  if (!place.hub) return `tokens are sent to ${settings.endpoint} alone: download the file and inspect it`;
  return withToken ? "check what the token may read" : GIVE_TOKEN;
}

function later({ waitMs, settings, place }: Told): string {
  const when = waitMs === undefined ? "try again in some minutes" : `try again in ${seconds(waitMs)}`;
  const more = place.hub && settings.token === undefined;
  return more ? `${when}, or ${GIVE_TOKEN}, which has a higher limit` : when;
}

/** `55 s`, rounded up. */
export function seconds(ms: number): string {
  const whole = ms / 1000;
  return whole < 10 && !Number.isInteger(whole) ? `${whole.toFixed(1)} s` : `${Math.ceil(whole)} s`;
}
