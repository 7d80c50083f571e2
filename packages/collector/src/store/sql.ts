import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import {
  type BaseQueryParams,
  type ClickHouseClient,
  ClickHouseLogLevel,
  createClient,
} from "@clickhouse/client";
import { maskError, maskOf, Secret } from "@tocsin/model/config";
import { CollectorError } from "../errors.js";
import { queryError, unreachable, writeError } from "./sql-errors.js";

/** Values for the `{name:Type}` places of a query. */
export type SqlParams = Readonly<Record<string, string | number | readonly string[] | readonly number[]>>;

export interface SqlOptions {
  readonly params?: SqlParams;
  /** The engine's settings for this statement alone. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Aborting it ends the query in the engine too. */
  readonly signal?: AbortSignal;
  /** Rows that the answer of a read may have, where it is not the usual 200,000. */
  readonly maxResultRows?: number;
}

/** What the store asks of an engine: its own statements, values always apart from them. */
export interface Sql {
  /** Where it asks, for messages and status. */
  readonly address: string;
  /** @throws {CollectorError} STORE_NOT_READY, STORE_QUERY_FAILED, STORE_QUERY_LIMIT, STORE_QUERY_CANCELLED */
  query<Row>(sql: string, options?: SqlOptions): Promise<Row[]>;
  /** The same with the rows as ClickHouse's RowBinary: for numbers that must keep their bits. */
  queryBinary(sql: string, options?: SqlOptions): Promise<Buffer>;
  /** Runs a statement for its effect. */
  command(sql: string, options?: SqlOptions): Promise<void>;
  /**
   * Inserts one block in ClickHouse's Native format. The same token with the same rows adds nothing the second time.
   *
   * @throws {CollectorError} STORE_NOT_READY, STORE_WRITE_FAILED; `retryable` tells whether to try again
   */
  insertNative(insert: NativeInsert): Promise<void>;
  close(): Promise<void>;
}

export interface NativeInsert {
  readonly table: string;
  readonly columns: readonly string[];
  /** The block, in pieces. */
  readonly parts: readonly Uint8Array[];
  readonly token: string;
}

/** Where an engine answers. */
export interface SqlEndpoint {
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database?: string;
}

/** Limits of every read. */
export interface ReadLimits {
  readonly executionSeconds: number;
  readonly memoryBytes: number;
  /** Rows that a query may read before it is refused. */
  readonly readRows: number;
  /** Rows that an answer may have. */
  readonly resultRows: number;
}

const DEFAULT_LIMITS: ReadLimits = {
  executionSeconds: 15,
  memoryBytes: 512 << 20,
  readRows: 2_000_000_000,
  resultRows: 200_000,
};

/** An engine that has not answered this long after its own time limit will not. */
const GRACE_MS = 5_000;

const INSERT_SETTINGS = {
  max_execution_time: 300,
  insert_deduplicate: 1,
  // Without it a process that dies between a table and the view behind it leaves the view short for ever.
  deduplicate_blocks_in_dependent_materialized_views: 1,
  max_partitions_per_insert_block: "0",
  // A distributed insert is done when the shards have it.
  distributed_foreground_insert: 1,
} as const;

/**
 * `@clickhouse/client` with our limits and our errors. It asks for the address before each statement, because the
 * embedded engine has a new one after every restart.
 */
export class ClickHouseSql implements Sql {
  readonly #endpoint: () => SqlEndpoint | undefined;
  readonly #limits: ReadLimits;
  #connected: { endpoint: SqlEndpoint; client: ClickHouseClient } | undefined;
  #isClosed = false;

  constructor(endpoint: () => SqlEndpoint | undefined, limits: Partial<ReadLimits> = {}) {
    this.#endpoint = endpoint;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** Where it asks, without what is secret. */
  get address(): string {
    const endpoint = this.#endpoint();
    return endpoint === undefined ? "an engine that is being started" : new URL(endpoint.url).origin;
  }

  query<Row>(sql: string, options: SqlOptions = {}): Promise<Row[]> {
    return this.#read(options, async (client, limits) => {
      const answer = await client.query({ ...limits, query: sql, format: "JSONEachRow" });
      return answer.json<Row>();
    });
  }

  queryBinary(sql: string, options: SqlOptions = {}): Promise<Buffer> {
    return this.#read(options, async (client, limits) => {
      const { stream } = await client.exec({ query: `${sql} FORMAT RowBinary`, ...limits });
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    });
  }

  async #read<T>(
    options: SqlOptions,
    run: (client: ClickHouseClient, limits: BaseQueryParams) => Promise<T>,
  ): Promise<T> {
    const client = this.#client();
    const { signal } = options;
    const limitMs = this.#limits.executionSeconds * 1_000 + GRACE_MS;
    const deadline = AbortSignal.timeout(limitMs);
    try {
      // The client only listens for what comes.
      signal?.throwIfAborted();
      const until = signal ? AbortSignal.any([signal, deadline]) : deadline;
      return await run(client, this.#readOptions(options, until));
    } catch (thrown) {
      const error = this.#masked(thrown);
      if (deadline.aborted && !signal?.aborted) {
        const silent = new Error(`no answer for ${limitMs / 1_000} s`, { cause: error });
        throw unreachable(silent, this.address);
      }
      throw this.#queryError(error, options);
    }
  }

  #readOptions(options: SqlOptions, signal: AbortSignal): BaseQueryParams {
    return {
      query_id: randomUUID(),
      query_params: options.params as Record<string, unknown> | undefined,
      abort_signal: signal,
      clickhouse_settings: {
        max_execution_time: this.#limits.executionSeconds,
        max_memory_usage: String(this.#limits.memoryBytes),
        max_rows_to_read: String(this.#limits.readRows),
        max_result_rows: String(options.maxResultRows ?? this.#limits.resultRows),
        cancel_http_readonly_queries_on_client_close: 1 as const,
        output_format_json_quote_64bit_integers: 0 as const,
        ...options.settings,
      },
    };
  }

  async command(sql: string, options: SqlOptions = {}): Promise<void> {
    const client = this.#client();
    try {
      await client.command({
        query: sql,
        query_params: options.params as Record<string, unknown> | undefined,
        clickhouse_settings: { max_execution_time: 300, ...options.settings },
        abort_signal: options.signal,
      });
    } catch (error) {
      throw this.#queryError(this.#masked(error), options);
    }
  }

  async insertNative({ table, columns, parts, token }: NativeInsert): Promise<void> {
    const client = this.#client();
    const names = columns.map((name) => `\`${name}\``).join(", ");
    try {
      const { stream } = await client.exec({
        query: `INSERT INTO ${table} (${names}) FORMAT Native`,
        values: Readable.from(parts, { objectMode: false }),
        clickhouse_settings: { ...INSERT_SETTINGS, insert_deduplication_token: token },
      });
      for await (const _ of stream);
    } catch (error) {
      throw writeError(this.#masked(error), table, this.address);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connected?.client.close();
    this.#connected = undefined;
  }

  #queryError(error: unknown, { signal, maxResultRows }: SqlOptions): CollectorError {
    const { resultRows } = this.#limits;
    const limits = { ...this.#limits, resultRows: maxResultRows ?? resultRows };
    return queryError(error, { signal, limits, address: this.address });
  }

  /** What goes wrong on the way may say what was sent. */
  #masked(error: unknown): unknown {
    const { url, username, password } = this.#connected?.endpoint ?? {};
    const secret = password === undefined ? undefined : new Secret(password);
    return maskError(error, maskOf({ url, username, password: secret }));
  }

  #client(): ClickHouseClient {
    if (this.#isClosed) throw new CollectorError("STORE_CLOSED", "The store is closed.");
    const endpoint = this.#endpoint();
    if (endpoint === undefined) {
      throw new CollectorError(
        "STORE_NOT_READY",
        "The store's engine is being started again; what arrives meanwhile waits in the spool. Try again in a few seconds.",
        { retryable: true },
      );
    }
    if (this.#connected?.endpoint !== endpoint) {
      void this.#connected?.client.close();
      this.#connected = { endpoint, client: connect(endpoint) };
    }
    return this.#connected.client;
  }
}

function connect(endpoint: SqlEndpoint): ClickHouseClient {
  return createClient({
    url: endpoint.url,
    username: endpoint.username,
    password: endpoint.password,
    database: endpoint.database ?? "default",
    application: "tocsin",
    request_timeout: 320_000,
    max_open_connections: 16,
    keep_alive: { enabled: true, idle_socket_ttl: 2_500 },
    // What goes wrong is thrown, and logged once where it is handled.
    log: { level: ClickHouseLogLevel.OFF },
  });
}
