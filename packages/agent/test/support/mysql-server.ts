import { type EventEmitter, once } from "node:events";
import type { AddressInfo, Server } from "node:net";
import { createServer } from "mysql2";

/** The server's side of mysql2, which its types leave out. */
interface ServedConnection extends EventEmitter {
  serverHandshake(options: object): void;
  writeColumns(columns: readonly object[]): void;
  writeTextRow(row: readonly string[]): void;
  writeEof(): void;
  _resetSequenceId(): void;
}

/** MySQL's protocol as mysql2 itself brings it, with one row for every query. A real server is in the slow tests. */
export async function startMysqlProtocol(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = (createServer as unknown as () => EventEmitter & { _server: Server })();
  server.on("connection", (connection: ServedConnection) => {
    connection.on("error", () => undefined);
    connection.serverHandshake({
      protocolVersion: 10,
      serverVersion: "8.0.0",
      connectionId: 1,
      statusFlags: 2,
      characterSet: 33,
      capabilityFlags: 0xff_f7_ff,
      authCallback: (_given: unknown, done: (refusal: null) => void) => {
        done(null);
        connection._resetSequenceId();
      },
    });
    connection.on("query", () => {
      connection.writeColumns([COLUMN]);
      connection.writeTextRow(["42"]);
      connection.writeEof();
      connection._resetSequenceId();
    });
  });
  const { _server: listener } = server;
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    url: `mysql://test@127.0.0.1:${(listener.address() as AddressInfo).port}/shop`,
    close: () => new Promise((resolve) => listener.close(() => resolve())),
  };
}

const COLUMN = {
  catalog: "def",
  schema: "",
  table: "",
  orgTable: "",
  name: "answer",
  orgName: "answer",
  characterSet: 33,
  columnLength: 8,
  columnType: 253,
  flags: 0,
  decimals: 0,
};
