import { parseDuration, type UnixMs } from "@tocsin/model";
import type { Request } from "express";
import { ApiError, invalidParameter } from "./answer.js";

/** The parameters of a request: those of a POST form come before those of the URL. */
export class Params {
  readonly #form: URLSearchParams;
  readonly #url: URLSearchParams;

  constructor(request: Request) {
    const at = request.originalUrl.indexOf("?");
    this.#url = new URLSearchParams(at < 0 ? "" : request.originalUrl.slice(at + 1));
    this.#form = new URLSearchParams(typeof request.body === "string" ? request.body : "");
  }

  /** The first value, or "". */
  text(name: string): string {
    return this.#form.get(name) ?? this.#url.get(name) ?? "";
  }

  all(name: string): readonly string[] {
    return [...this.#form.getAll(name), ...this.#url.getAll(name)];
  }

  /** Unix seconds with a fraction, or RFC 3339. */
  time(name: string, fallbackMs: UnixMs): UnixMs {
    const text = this.text(name);
    return text === "" ? fallbackMs : readTime(name, text);
  }

  requiredTime(name: string): UnixMs {
    return readTime(name, this.text(name));
  }

  /** Seconds with a fraction, or a duration such as `15s`; in milliseconds. Undefined when not given. */
  durationMs(name: string): number | undefined {
    const text = this.text(name);
    return text === "" ? undefined : readDuration(name, text);
  }

  requiredDurationMs(name: string): number {
    return readDuration(name, this.text(name));
  }

  /** Most entries wanted; 0 for no limit. */
  limit(name = "limit"): number {
    const text = this.text(name);
    if (text === "") return 0;
    const limit = Number(text);
    if (!/^[+-]?\d+$/.test(text)) {
      throw invalidParameter(name, `cannot parse ${JSON.stringify(text)} to a number`);
    }
    if (limit < 0) throw invalidParameter(name, "limit must be non-negative");
    return limit;
  }
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

function readTime(name: string, text: string): UnixMs {
  if (NUMBER.test(text)) return Math.round(Number(text) * 1_000);
  if (RFC_3339.test(text)) {
    const timeMs = Date.parse(text);
    if (!Number.isNaN(timeMs)) return timeMs;
  }
  throw invalidParameter(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
}

function readDuration(name: string, text: string): number {
  if (NUMBER.test(text)) {
    const durationMs = Number(text) * 1_000;
    if (Number.isFinite(durationMs) && Math.abs(durationMs) < 2 ** 53) return durationMs;
    throw invalidParameter(
      name,
      `cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`,
    );
  }
  try {
    return parseDuration(text);
  } catch {
    throw new ApiError(
      "bad_data",
      `invalid parameter "${name}": cannot parse ${JSON.stringify(text)} to a valid duration`,
    );
  }
}
