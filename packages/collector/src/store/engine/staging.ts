import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { quoteString } from "./bind-parameters.js";
import type { NativeResult } from "./native.js";
import type { PoolJob, SessionPool } from "./session-pool.js";
import { describesItself, type InsertTarget } from "./statement.js";

/** A body larger than what may be staged. */
export class StagingTooLarge extends Error {}

/** Largest body of one insert. */
const MAX_INSERT_BYTES = 512 << 20;

/**
 * Inserts whose rows come as bytes. The library takes only text that way, so the bytes go to a file beside the tables
 * and the engine reads them from there. The block sizes make one insert one block per partition, in one fixed order:
 * the same bytes with the same deduplication token are the same blocks.
 */
export class Staging {
  readonly #folder: string;
  readonly #pool: SessionPool;

  private constructor(folder: string, pool: SessionPool) {
    this.#folder = folder;
    this.#pool = pool;
  }

  /** Empties the folder: what lies there was left by a process that was killed. */
  static async open(folder: string, pool: SessionPool): Promise<Staging> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    return new Staging(folder, pool);
  }

  async insert(target: InsertTarget, request: IncomingMessage, job: PoolJob): Promise<NativeResult> {
    const path = join(this.#folder, `${randomUUID()}.rows`);
    try {
      await receive(request, path);
      const source = [path, target.format, ...(await this.#structure(target, job))].map(quoteString);
      const columns = target.columns.map((name) => `\`${name}\``).join(", ");
      const sql = `INSERT INTO ${target.table}${columns && ` (${columns})`} SELECT ${columns || "*"} FROM file(${source.join(", ")})`;
      const settings = new Map([...ONE_BLOCK, ...job.settings]);
      return await this.#pool.run("write", { ...job, sql, settings });
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Names and types of the columns in the file: the table's own, unless the format says them. */
  async #structure(target: InsertTarget, job: PoolJob): Promise<string[]> {
    if (describesItself(target.format)) return [];
    const result = await this.#pool.run("write", {
      ...job,
      id: `${job.id}-structure`,
      sql: `DESCRIBE TABLE ${target.table}`,
      format: "JSONEachRow",
      settings: new Map([["describe_include_subcolumns", "0"]]),
    });
    const lines = Buffer.from(result.bytes).toString("utf8").trim().split("\n");
    const types = new Map(
      lines.map((line) => {
        const { name, type } = JSON.parse(line) as { name: string; type: string };
        return [name, type] as const;
      }),
    );
    const names = target.columns.length > 0 ? target.columns : [...types.keys()];
    return [names.map((name) => `\`${name}\` ${types.get(name) ?? "String"}`).join(", ")];
  }
}

const ONE_BLOCK: readonly (readonly [string, string])[] = [
  ["max_threads", "1"],
  ["max_insert_threads", "1"],
  ["max_block_size", "1048576"],
  ["min_insert_block_size_rows", "4194304"],
  ["min_insert_block_size_bytes", "1073741824"],
];

async function receive(request: IncomingMessage, path: string): Promise<void> {
  let sizeBytes = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      const tooLarge = sizeBytes > MAX_INSERT_BYTES;
      done(
        tooLarge ? new StagingTooLarge(`An insert is at most ${MAX_INSERT_BYTES} bytes long`) : null,
        chunk,
      );
    },
  });
  const file = createWriteStream(path, { mode: 0o600 });
  if (request.headers["content-encoding"] === "gzip") await pipeline(request, createGunzip(), limit, file);
  else await pipeline(request, limit, file);
}
