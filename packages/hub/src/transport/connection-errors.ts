/**
 * From a request that got no answer, or a body that broke off, to an error with a sentence on what to do. Codes: Node.js
 * documentation, "Errors" (system, OpenSSL), and undici's "Errors".
 */
import { oneLine } from "@checkpoint-inspect/parser";
import { type Again, RequestError } from "./request-error.ts";

const TRY_LATER = "try again in some minutes";
const CERTIFICATES =
  "if a proxy of your network answers in its place, give its certificate with NODE_EXTRA_CA_CERTS=FILE";

interface Row {
  readonly codes: RegExp;
  readonly again: Again;
  readonly say: (host: string) => string;
}

const ROWS: readonly Row[] = [
  {
    codes: /^ENOTFOUND$/,
    again: "once",
    say: (host) => `the name ${host} is not known (DNS); check the address, HF_ENDPOINT and the connection`,
  },
  {
    codes: /^EAI_/,
    again: "yes",
    say: (host) => `the name ${host} could not be looked up (DNS); check the connection and ${TRY_LATER}`,
  },
  {
    codes: /^ECONNREFUSED$/,
    again: "once",
    say: (host) => `${host} refused the connection; check the address and port, and that the server runs`,
  },
  {
    codes: /^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/,
    again: "yes",
    say: (host) => `${host} closed the connection before its answer was whole; ${TRY_LATER}`,
  },
  {
    codes: /^(ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/,
    again: "once",
    say: (host) => `${host} did not answer in time; check the connection and ${TRY_LATER}`,
  },
  {
    codes: /^(EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN|EADDRNOTAVAIL)$/,
    again: "once",
    say: (host) => `${host} can't be reached from here; check the connection`,
  },
  {
    codes: /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|^ERR_TLS_CERT/,
    again: "no",
    say: (host) => `the certificate of ${host} is not trusted; ${CERTIFICATES}`,
  },
  {
    codes: /^(EPROTO|ERR_SSL|ERR_TLS|UND_ERR_PRX_TLS)/,
    again: "no",
    say: (host) => `no secure connection to ${host} came about; check that it speaks https, and ${CERTIFICATES}`,
  },
  {
    codes: /^HPE_|^UND_ERR_(HEADERS_OVERFLOW|RES_|RESPONSE)/,
    again: "no",
    say: (host) => `${host} answered with something that is not HTTP; check the address and port`,
  },
];

/** Of undici's ProxyAgent, which gives the status in its message alone. */
const PROXY_REFUSED = /Proxy response \((\d{3})\)/;

/**
 * @param host whom was asked
 * @param proxied the connection may be the proxy's
 */
export function connectionError(cause: unknown, host: string, proxied: boolean): RequestError {
  const chain = causes(cause);
  const refused = chain.map(({ message }) => PROXY_REFUSED.exec(message ?? "")?.[1]).find(Boolean);
  if (refused) return proxyError(refused, host, cause);
  const code = chain.map((error) => error.code).find((text) => typeof text === "string" && text !== "") ?? "";
  const row = ROWS.find(({ codes }) => codes.test(code));
  const hint = proxied ? " (requests go through the proxy of HTTPS_PROXY or HTTP_PROXY: check it too)" : "";
  if (row) return new RequestError("network", `${row.say(host)}${hint}`, { again: row.again, cause });
  const why = oneLine(code || chain.findLast(({ message }) => message)?.message || "no reason was given").slice(0, 200);
  return new RequestError("network", `the request to ${host} failed: ${why}${hint}`, { again: "once", cause });
}

function proxyError(status: string, host: string, cause: unknown): RequestError {
  const message =
    status === "407"
      ? "the proxy wants a name and a password (407); put them into HTTPS_PROXY, as http://name:password@host:port"
      : `the proxy of HTTPS_PROXY would not connect to ${host} (${status}); check it, or put ${host} into NO_PROXY`;
  return new RequestError("network", message, { cause, status: Number(status) });
}

/** Causes below causes that are looked at. */
const MAX_CAUSES = 5;

/** An error and what caused it: fetch hides the reason two levels down. */
function causes(error: unknown): { readonly code?: string; readonly message?: string }[] {
  const chain: { code?: string; message?: string; cause?: unknown }[] = [];
  let at: unknown = error;
  while (at instanceof Error && chain.length < MAX_CAUSES) {
    chain.push(at as { code?: string; message: string });
    at = at.cause;
  }
  return chain;
}
