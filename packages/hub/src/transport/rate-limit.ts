/**
 * How long a server asks to wait. `Retry-After` is of RFC 9110, section 10.2.3; `RateLimit` of the IETF draft "RateLimit header
 * fields for HTTP", as the Hub sends it: `"resolvers";r=0;t=55` (r: requests left in the window, t: seconds until it ends).
 */

const MS = 1000;

/** Milliseconds to wait before the next request, or undefined where the server doesn't say. */
export function askedWait(headers: Headers, now = Date.now()): number | undefined {
  const waits = [retryAfter(headers.get("retry-after"), now), rateLimit(headers.get("ratelimit"))];
  const told = waits.filter((wait) => wait !== undefined);
  return told.length > 0 ? Math.max(...told) : undefined;
}

function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(value)) return Number(value) * MS;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Of several limits in one field, those that are used up count. */
function rateLimit(value: string | null): number | undefined {
  const waits = (value ?? "").split(",").flatMap((limit) => {
    const left = parameter(limit, "r");
    const seconds = parameter(limit, "t");
    return left === 0 && seconds !== undefined ? [seconds * MS] : [];
  });
  return waits.length > 0 ? Math.max(...waits) : undefined;
}

function parameter(limit: string, name: string): number | undefined {
  for (const part of limit.split(";").slice(1)) {
    const [key, value] = part.split("=");
    if (key?.trim() === name && value !== undefined && /^\s*\d{1,9}\s*$/.test(value)) return Number(value);
  }
  return undefined;
}
