import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { ManualClock } from "@tocsin/model/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HoldBack } from "./hold-back.js";
import { Refusal, type RefusalReason } from "./refusal.js";

const REQUEST = "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";

let clock: ManualClock;
let server: Server;
let reason: RefusalReason;
/** Requests that the server saw after the first of each connection. */
let again: number;
const clients: Socket[] = [];

beforeEach(async () => {
  clock = new ManualClock(1_790_000_000_000);
  const holdBack = new HoldBack(clock);
  const refused = new Set<Socket>();
  reason = "behind";
  again = 0;
  server = createServer((request, response) => {
    if (refused.has(request.socket)) {
      again++;
      response.end();
      return;
    }
    refused.add(request.socket);
    holdBack.hold(request, response, new Refusal(reason, "no room"));
    response.writeHead(503).end();
    request.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  server.close();
});

/** Connects, is refused, and sends again at once. */
async function sendTwice(): Promise<void> {
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  clients.push(client);
  client.write(REQUEST);
  await once(client, "data");
  client.write(REQUEST);
}

async function turns(isDone: () => boolean = () => true): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("senders that were refused for want of room are heard again after a second, one after the other", async () => {
  for (let client = 0; client < 3; client++) {
    await sendTwice();
    await turns();
  }
  await clock.advance(999);
  await turns();
  expect(again).toBe(0);
  await clock.advance(1);
  await turns(() => again === 1);
  expect(again).toBe(1);
  await clock.advance(20);
  await turns(() => again === 2);
  expect(again).toBe(2);
  await clock.advance(20);
  await turns(() => again === 3);
});

test("none is held longer than five seconds, however many there are", async () => {
  const many = 220;
  for (let client = 0; client < many; client++) await sendTwice();
  await turns();
  await clock.advance(5_000);
  await turns(() => again === many);
});

test("a sender that is refused for another reason is heard at once", async () => {
  reason = "not_allowed";
  await sendTwice();
  await turns(() => again === 1);
});
