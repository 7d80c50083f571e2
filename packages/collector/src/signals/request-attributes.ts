import {
  type AttributeTable,
  attributeKey,
  attributeNamed,
  attributeNumber,
  attributeText,
  type WantedKeys,
  wantedKeys,
} from "../otlp/index.js";

/** Attributes that tell how requests ended and where; the index is the key's id. */
const KEYS = [
  "http.request.method",
  "http.method",
  "http.route",
  "http.response.status_code",
  "http.status_code",
  "rpc.service",
  "rpc.method",
  "rpc.grpc.status_code",
  "rpc.response.status_code",
  "error.type",
  "messaging.destination.name",
  "messaging.destination",
  "messaging.system",
  "messaging.operation.type",
  "messaging.operation",
  "messaging.batch.message_count",
  "messaging.consumer.group.name",
  "messaging.kafka.consumer.group",
  "kafka.record.queue_time_ms",
  "messaging.eventhubs.message.enqueued_time",
  "messaging.servicebus.message.enqueued_time",
  "db.system.name",
  "db.system",
  "db.namespace",
  "server.address",
  "net.peer.name",
  "peer.service",
  "rpc.system",
] as const;
export type RequestAttribute = (typeof KEYS)[number];

const ID_OF = new Map<string, number>(KEYS.map((key, id) => [key, id]));

/** For `decodeTraces(body, { attributes: REQUEST_KEYS, events: false, links: false })`: all that signals read. */
export const REQUEST_KEYS: WantedKeys = wantedKeys(KEYS);

/** The same with the attributes that are grouped by, behind the others. */
export function requestKeys(groupBy: readonly string[]): WantedKeys {
  return groupBy.length === 0
    ? REQUEST_KEYS
    : wantedKeys([...KEYS, ...groupBy.filter((key) => !ID_OF.has(key))]);
}

/**
 * Ids below this belong to attributes that no group can be of; 0 where one is grouped by that signals read anyway.
 * Entries with such an id need not be compared with the names of groups.
 */
export function firstGroupId(groupBy: readonly string[]): number {
  return groupBy.some((key) => ID_OF.has(key)) ? 0 : KEYS.length;
}

/**
 * The wanted attributes of one row at a time. Tables decoded with `REQUEST_KEYS` are read by number; those decoded
 * with all attributes or other keys by name.
 */
export class RequestAttributes {
  readonly #table: AttributeTable;
  readonly #isNumbered: boolean;
  readonly #entries = new Int32Array(KEYS.length);

  constructor(table: AttributeTable) {
    this.#table = table;
    // Ids of another list of keys would be misread; the first entry tells whose they are.
    const id = table.keyId[0] ?? -1;
    this.#isNumbered = id >= 0 && (table.keyEnd[0] ?? 0) > 0 && attributeKey(table, 0) === KEYS[id];
  }

  /** Moves to a row. */
  seek(row: number): void {
    const { first, keyId } = this.#table;
    this.#entries.fill(-1);
    if (!this.#isNumbered) {
      for (const [key, id] of ID_OF) this.#entries[id] = attributeNamed(this.#table, row, key);
      return;
    }
    const end = first[row + 1] ?? 0;
    for (let index = first[row] ?? 0; index < end; index++) {
      const id = keyId[index] ?? -1;
      if (id >= 0 && id < KEYS.length) this.#entries[id] = index;
    }
  }

  /** The number of the first of these attributes that the row has; NaN where it has none, or no number. */
  number(...names: readonly RequestAttribute[]): number {
    for (const name of names) {
      const entry = this.#entries[ID_OF.get(name) ?? 0] ?? -1;
      if (entry >= 0) return attributeNumber(this.#table, entry);
    }
    return Number.NaN;
  }

  /** The value of the first of these attributes that the row has, or "". */
  text(...names: readonly RequestAttribute[]): string {
    for (const name of names) {
      const entry = this.#entries[ID_OF.get(name) ?? 0] ?? -1;
      if (entry >= 0) return attributeText(this.#table, entry);
    }
    return "";
  }
}
