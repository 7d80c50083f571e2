import { messageOf } from "@tocsin/model";
import { type CommandIo, NotReachedError, UsageError } from "./command.js";
import type { FlagSpec } from "./flags.js";

/** The flags of every command that asks a running collector. */
export const CLIENT_FLAGS = {
  url: { type: "string" },
  token: { type: "string" },
  json: { type: "boolean" },
} as const satisfies FlagSpec;

export const CLIENT_HELP = `  --url URL      the collector's page and API (TOCSIN_API_URL; default http://127.0.0.1:4319)
  --token TOKEN  a bearer token (better: TOCSIN_TOKEN in the environment)
  --json         print JSON`;

/** A running collector as its commands see it. */
export interface CollectorClient {
  readonly url: string;
  /** @throws {NotReachedError} when nothing answers; {CollectorAnswerError} when it answers with an error */
  request(path: string, init?: RequestInit): Promise<Response>;
  json<T>(path: string, init?: RequestInit): Promise<T>;
}

/** The collector answered, but not with what was asked for. */
export class CollectorAnswerError extends Error {
  readonly status: number;
  /** The answer's body as text, for commands that know its form. */
  readonly body: string;

  constructor(status: number, message: string, body: string) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

export function collectorClient(
  flags: { readonly url?: string; readonly token?: string },
  io: Pick<CommandIo, "env" | "signal">,
): CollectorClient {
  const base = readUrl(flags.url ?? io.env.TOCSIN_API_URL ?? "http://127.0.0.1:4319");
  const token = flags.token ?? io.env.TOCSIN_TOKEN;
  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, { ...init, headers, signal: init.signal ?? io.signal });
    } catch (error) {
      if (io.signal.aborted) throw error;
      const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
      throw new NotReachedError(
        `No collector answers at ${base} (${cause}). Start one with \`tocsin up\`, or name it with --url.`,
      );
    }
    if (response.ok) return response;
    const body = await response.text();
    throw new CollectorAnswerError(
      response.status,
      `The collector answered ${response.status}: ${errorText(body)}`,
      body,
    );
  };
  return {
    url: base,
    request,
    json: async <T>(path: string, init?: RequestInit) => (await (await request(path, init)).json()) as T,
  };
}

function readUrl(text: string): string {
  try {
    return new URL(text).href.replace(/\/$/, "");
  } catch {
    throw new UsageError(`"${text}" is not a URL. Write for instance http://127.0.0.1:4319.`);
  }
}

function errorText(body: string): string {
  try {
    const parsed = JSON.parse(body) as { error?: unknown; message?: unknown };
    return String(parsed.error ?? parsed.message ?? body);
  } catch {
    return body.slice(0, 500);
  }
}
