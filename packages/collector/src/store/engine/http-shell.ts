import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { messageOf } from "@tocsin/model";
import { bindParameters } from "./bind-parameters.js";
import type { SessionPool } from "./session-pool.js";
import { JobCancelled } from "./session-queue.js";
import { type Staging, StagingTooLarge } from "./staging.js";
import { laneOf, parseInsert, rewriteKill } from "./statement.js";

export interface ShellOptions {
  readonly pool: SessionPool;
  readonly staging: Staging;
  readonly version: string;
  /** Every request must carry it as its password. */
  readonly secret: string;
  /** Time limit of statements that bring none. */
  readonly defaultExecutionSeconds: number;
}

/** Largest text of a statement; inserts bring their rows apart from it. */
const MAX_QUERY_BYTES = 4 << 20;

/** Parameters of the URL that are not settings. */
const NOT_SETTINGS = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "user",
  "password",
  "session_id",
  "session_timeout",
  "session_check",
  "role",
  "quota_key",
  "buffer_size",
  "compress",
  "decompress",
  "enable_http_compression",
  "http_zlib_compression_level",
  "wait_end_of_query",
  "send_progress_in_http_headers",
  "http_headers_progress_interval_ms",
  "cancel_http_readonly_queries_on_client_close",
]);

/**
 * The engine behind ClickHouse's HTTP protocol, as far as `@clickhouse/client` uses it, so that the rest of the
 * collector need not know whether it talks to this process or to a server.
 *
 * Answers are complete before their first byte is sent (`wait_end_of_query` is always on): an error is always a status.
 */
export function createShell(options: ShellOptions): Server {
  // Parameters travel in the URL, and a query may name hundreds of traces.
  const server = createServer({ maxHeaderSize: 1 << 20 }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => sendError(response, error));
  });
  server.keepAliveTimeout = 60_000;
  return server;
}

/** A refusal in the engine's own form, with its number. */
class ShellError extends Error {
  readonly status: number;

  constructor(status: number, code: number, name: string, message: string) {
    super(`Code: ${code}. DB::Exception: ${message}. (${name})`);
    this.status = status;
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ShellOptions,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://engine");
  authenticate(request, url, options.secret);
  if (url.pathname === "/ping") {
    response.end("Ok.\n");
    return;
  }
  if (url.pathname === "/health") {
    await options.pool.check();
    response.end("Ok.\n");
    return;
  }
  if (url.pathname !== "/")
    throw new ShellError(404, 1000, "POCO_EXCEPTION", `There is nothing at ${url.pathname}`);
  const abort = new AbortController();
  response.on("close", () => {
    if (!response.writableFinished) abort.abort();
  });
  const id = url.searchParams.get("query_id") || randomUUID();
  const { query, insertBody } = await readStatement(request, url);
  const insert = insertBody ? parseInsert(query) : undefined;
  const bound = insert ? { ok: true as const, sql: query } : bindParameters(query, parametersOf(url));
  if (!bound.ok) {
    throw new ShellError(400, 456, "UNKNOWN_QUERY_PARAMETER", `Substitution \`${bound.missing}\` is not set`);
  }
  const lane = laneOf(bound.sql);
  const { settings, maxExecutionMs } = settingsOf(url, options.defaultExecutionSeconds);
  const job = {
    id,
    sql: lane === "control" ? rewriteKill(bound.sql) : bound.sql,
    format: url.searchParams.get("default_format") ?? "TabSeparated",
    settings,
    database: url.searchParams.get("database") ?? "default",
    maxExecutionMs,
    signal: abort.signal,
  };
  const result = insert
    ? await options.staging.insert(insert, request, job)
    : await options.pool.run(lane, job);
  response.setHeader("X-ClickHouse-Query-Id", id);
  response.setHeader("X-ClickHouse-Server-Display-Name", `tocsin-engine ${options.version}`);
  response.setHeader(
    "X-ClickHouse-Summary",
    JSON.stringify({ read_rows: String(result.rowsRead), read_bytes: String(result.bytesRead) }),
  );
  response.setHeader("Content-Length", result.bytes.byteLength);
  response.end(result.bytes);
}

function authenticate(request: IncomingMessage, url: URL, secret: string): void {
  const basic = /^Basic (.+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
  const decoded = Buffer.from(basic, "base64").toString();
  const password =
    request.headers["x-clickhouse-key"] ??
    url.searchParams.get("password") ??
    decoded.slice(decoded.indexOf(":") + 1);
  const digest = (text: string) => createHash("sha256").update(text).digest();
  if (!timingSafeEqual(digest(String(password)), digest(secret))) {
    throw new ShellError(401, 516, "AUTHENTICATION_FAILED", "The secret of this engine is missing or wrong");
  }
}

/** The statement stands in the URL when the body holds an insert's rows, else in the body. */
async function readStatement(
  request: IncomingMessage,
  url: URL,
): Promise<{ query: string; insertBody: boolean }> {
  const inUrl = url.searchParams.get("query");
  if (inUrl !== null) return { query: inUrl, insertBody: parseInsert(inUrl) !== undefined };
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_QUERY_BYTES) {
      throw new ShellError(413, 62, "SYNTAX_ERROR", `A query is at most ${MAX_QUERY_BYTES} bytes long`);
    }
    chunks.push(chunk);
  }
  const query = Buffer.concat(chunks).toString("utf8");
  if (query.trim() === "") throw new ShellError(400, 62, "SYNTAX_ERROR", "Empty query");
  return { query, insertBody: false };
}

function parametersOf(url: URL): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (name.startsWith("param_")) values.set(name.slice("param_".length), value);
  }
  return values;
}

function settingsOf(
  url: URL,
  defaultSeconds: number,
): { settings: Map<string, string>; maxExecutionMs: number } {
  const settings = new Map([["max_execution_time", String(defaultSeconds)]]);
  for (const [name, value] of url.searchParams) {
    if (NOT_SETTINGS.has(name) || name.startsWith("param_")) continue;
    if (!/^[a-z]\w*$/i.test(name)) {
      throw new ShellError(400, 115, "UNKNOWN_SETTING", `"${name}" is not the name of a setting`);
    }
    settings.set(name, value);
  }
  const seconds = Number(settings.get("max_execution_time"));
  if (!(seconds > 0)) settings.set("max_execution_time", String(defaultSeconds));
  return { settings, maxExecutionMs: (seconds > 0 ? seconds : defaultSeconds) * 1000 };
}

function sendError(response: ServerResponse, error: unknown): void {
  if (response.destroyed || error instanceof JobCancelled) {
    response.destroy();
    return;
  }
  const text =
    error instanceof StagingTooLarge
      ? `Code: 307. DB::Exception: ${error.message}. (TOO_MANY_BYTES)`
      : messageOf(error);
  const code = /^Code: (\d+)/.exec(text)?.[1];
  response.statusCode = error instanceof ShellError ? error.status : statusOf(code);
  if (code !== undefined) response.setHeader("X-ClickHouse-Exception-Code", code);
  // What is left of a refused body is not worth reading.
  response.setHeader("Connection", "close");
  response.end(`${text}\n`);
}

/** The statuses that ClickHouse gives to errors that say whose fault it was. */
function statusOf(code: string | undefined): number {
  if (code === "60" || code === "81" || code === "46" || code === "47") return 404;
  if (code === "62" || code === "115" || code === "117") return 400;
  if (code === "241" || code === "202") return 503;
  return 500;
}
