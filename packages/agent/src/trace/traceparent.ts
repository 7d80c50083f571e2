/** What a `traceparent` header says. */
export interface Traceparent {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/**
 * Reads a W3C `traceparent`; anything malformed yields `undefined`, upon which a new trace begins.
 *
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceparent(header: string): Traceparent | undefined {
  const length = header.length;
  if (length < 55 || header.charCodeAt(2) !== DASH || header.charCodeAt(35) !== DASH) return undefined;
  if (header.charCodeAt(52) !== DASH) return undefined;
  const version = hexAt(header, 0) * 16 + hexAt(header, 1);
  // Version 0 has exactly this length; a later one may only add fields behind another dash.
  if (!(version >= 0 && version < 255)) return undefined;
  if (length > 55 && (version === 0 || header.charCodeAt(55) !== DASH)) return undefined;
  const traceFlags = hexAt(header, 53) * 16 + hexAt(header, 54);
  if (!(traceFlags >= 0)) return undefined;
  if (!isId(header, 3, 35) || !isId(header, 36, 52)) return undefined;
  return { traceId: header.slice(3, 35), spanId: header.slice(36, 52), traceFlags };
}

const DASH = 45;

/** Whether the digits are lower-case hexadecimal and not all zeros. */
function isId(text: string, from: number, to: number): boolean {
  let any = 0;
  for (let i = from; i < to; i++) {
    const digit = hexAt(text, i);
    if (!(digit >= 0)) return false;
    any |= digit;
  }
  return any !== 0;
}

function hexAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code >= 48 && code <= 57) return code - 48;
  if (code >= 97 && code <= 102) return code - 87;
  return Number.NaN;
}
