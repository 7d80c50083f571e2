import { EventEmitter, once } from "node:events";
import { createContextKey, ROOT_CONTEXT } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { AgentContextManager } from "../trace/context-manager.js";
import { ListenerContext } from "./listener-context.js";
import { markSpan } from "./server.js";
import type { ServerSpan } from "./server-span.js";

class Message extends EventEmitter {}

const KEY = createContextKey("who");
const contexts = new AgentContextManager();
const who = () => contexts.active().getValue(KEY) as string | undefined;
const as = <T>(name: string, fn: () => T): T => contexts.run(ROOT_CONTEXT.setValue(KEY, name), fn);

function served(): Message {
  const message = new Message();
  markSpan({} as ServerSpan, message, message);
  return message;
}

test("a listener runs where it was added, is removed as it was added, and is called once where that was asked for", async () => {
  const bound = new ListenerContext(contexts);
  bound.bindOn(Message.prototype);
  const seen: unknown[] = [];
  const message = served();
  const onData = function (this: unknown, ...args: unknown[]): void {
    seen.push([who(), this === message, ...args]);
  };
  as("a", () => message.on("data", onData));
  as("b", () => message.once("data", onData));
  expect(message.listeners("data")).toEqual([onData, onData]);
  as("c", () => message.emit("data", 1, 2));
  as("c", () => message.emit("data", 3));
  expect(seen).toEqual([
    ["a", true, 1, 2],
    ["b", true, 1, 2],
    ["a", true, 3],
  ]);
  message.off("data", onData);
  as("b", () => message.once("data", onData));
  message.off("data", onData);
  expect(message.listenerCount("data")).toBe(0);
  const ended = as("d", () => once(message, "end"));
  message.emit("end", "x");
  expect(await ended).toEqual(["x"]);
  bound.close();
  expect(Object.hasOwn(Message.prototype, "on")).toBe(false);
});

test("messages that are not served, and listeners outside any context, are left alone", () => {
  const bound = new ListenerContext(contexts);
  bound.bindOn(Message.prototype);
  const listener = (): void => {};
  const other = new Message();
  as("a", () => other.on("data", listener));
  const message = served();
  message.on("data", listener);
  expect([...other.rawListeners("data"), ...message.rawListeners("data")]).toEqual([listener, listener]);
  bound.close();
});
