import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";

/**
 * As much of Kafka's protocol as a producer needs: ApiVersions, Metadata and Produce, each in one version, for one
 * topic with one partition led by this broker.
 */
export async function startKafkaBroker(): Promise<{
  address: string;
  produced: () => number;
  close: () => Promise<void>;
}> {
  let produced = 0;
  const server: Server = createServer((socket) => {
    let waiting = Buffer.alloc(0);
    socket.on("error", () => undefined);
    socket.on("data", (part) => {
      waiting = Buffer.concat([waiting, part]);
      while (waiting.length >= 4 && waiting.length >= 4 + waiting.readInt32BE(0)) {
        const size = waiting.readInt32BE(0);
        const request = waiting.subarray(4, 4 + size);
        waiting = waiting.subarray(4 + size);
        const apiKey = request.readInt16BE(0);
        const correlation = request.readInt32BE(4);
        if (apiKey === PRODUCE) produced++;
        const body = answer(apiKey, (server.address() as AddressInfo).port);
        const head = Buffer.alloc(8);
        head.writeInt32BE(4 + body.length, 0);
        head.writeInt32BE(correlation, 4);
        socket.write(Buffer.concat([head, body]));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    produced: () => produced,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const PRODUCE = 0;
const METADATA = 3;
const API_VERSIONS = 18;

function answer(apiKey: number, port: number): Buffer {
  switch (apiKey) {
    case API_VERSIONS:
      // error, then (key, lowest, highest) of each call
      return Buffer.concat([
        int16(0),
        int32(3),
        ...[
          [PRODUCE, 3, 3],
          [METADATA, 1, 1],
          [API_VERSIONS, 0, 0],
        ].map((triple) => Buffer.concat(triple.map(int16))),
      ]);
    case METADATA:
      // brokers, controller, topics with their partitions
      return Buffer.concat([
        int32(1),
        Buffer.concat([int32(0), text("127.0.0.1"), int32(port), int16(-1)]),
        int32(0),
        int32(1),
        Buffer.concat([int16(0), text("orders"), Buffer.from([0]), int32(1)]),
        Buffer.concat([int16(0), int32(0), int32(0), int32(1), int32(0), int32(1), int32(0)]),
      ]);
    case PRODUCE:
      // topic, partition, error, offset, time, throttle
      return Buffer.concat([
        int32(1),
        text("orders"),
        int32(1),
        int32(0),
        int16(0),
        int64(0n),
        int64(-1n),
        int32(0),
      ]);
    default:
      return int16(35);
  }
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}
function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}
function int64(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(value);
  return buffer;
}
function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)]);
}
