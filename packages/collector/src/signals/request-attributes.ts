import {
  type AttributeTable,
  attributeKey,
  attributeNamed,
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
      if (id >= 0) this.#entries[id] = index;
    }
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
