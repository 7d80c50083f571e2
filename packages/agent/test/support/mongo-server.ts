import { type AddressInfo, createServer, type Socket } from "node:net";
import { BSON } from "mongodb";

/**
 * As much of MongoDB's wire protocol as a client needs to insert one document and find it again, since Debian has no
 * MongoDB: the legacy form of the first `hello`, and `OP_MSG` for all that follows.
 */
export async function startMongo(): Promise<{ url: string; close: () => Promise<void> }> {
  const stored: BSON.Document[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let waiting = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (part) => {
      waiting = Buffer.concat([waiting, part]);
      while (waiting.length >= 4 && waiting.length >= waiting.readInt32LE(0)) {
        const message = waiting.subarray(0, waiting.readInt32LE(0));
        waiting = waiting.subarray(message.length);
        const answer = reply(message, stored);
        if (answer !== undefined) socket.write(answer);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;
const MORE_TO_COME = 2;

function reply(message: Buffer, stored: BSON.Document[]): Buffer | undefined {
  const requestId = message.readInt32LE(4);
  const opCode = message.readInt32LE(12);
  if (opCode === OP_QUERY) {
    // flags, cursor id, where it starts, how many documents
    const head = Buffer.alloc(20);
    head.writeInt32LE(1, 16);
    return framed(requestId, OP_REPLY, [head, Buffer.from(BSON.serialize(HELLO))]);
  }
  const flags = message.readUInt32LE(HEADER_BYTES);
  const answer = Buffer.from(BSON.serialize(run(commandOf(message), stored)));
  // Four bytes of flags, then one section of kind 0.
  return flags & MORE_TO_COME ? undefined : framed(requestId, OP_MSG, [Buffer.alloc(5), answer]);
}

/** Section 0 is the command; sections of kind 1 are lists of documents that belong to it under a name. */
function commandOf(message: Buffer): BSON.Document {
  let command: BSON.Document = {};
  const lists: Record<string, BSON.Document[]> = {};
  for (let at = HEADER_BYTES + 4; at < message.length; ) {
    const kind = message[at++];
    const size = message.readInt32LE(at);
    if (kind === 0) command = BSON.deserialize(message.subarray(at, at + size));
    else {
      const nameEnd = message.indexOf(0, at + 4);
      const documents: BSON.Document[] = [];
      for (let inner = nameEnd + 1; inner < at + size; inner += message.readInt32LE(inner))
        documents.push(BSON.deserialize(message.subarray(inner, inner + message.readInt32LE(inner))));
      lists[message.toString("utf8", at + 4, nameEnd)] = documents;
    }
    at += size;
  }
  return { ...command, ...lists };
}

const HELLO = {
  helloOk: true,
  ismaster: true,
  isWritablePrimary: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 21,
  ok: 1,
};

function run(command: BSON.Document, stored: BSON.Document[]): BSON.Document {
  if ("hello" in command || "ismaster" in command || "isMaster" in command) return HELLO;
  if ("insert" in command) {
    stored.push(...command.documents);
    return { n: command.documents.length, ok: 1 };
  }
  if ("find" in command) {
    const ns = `${command.$db}.${command.find}`;
    return { cursor: { id: BSON.Long.ZERO, ns, firstBatch: stored }, ok: 1 };
  }
  return { ok: 1 };
}

function framed(responseTo: number, opCode: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(HEADER_BYTES + body.length, 0);
  header.writeInt32LE(responseTo, 8);
  header.writeInt32LE(opCode, 12);
  return Buffer.concat([header, body]);
}
