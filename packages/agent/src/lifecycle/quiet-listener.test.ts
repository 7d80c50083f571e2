import { EventEmitter } from "node:events";
import { afterEach, expect, test } from "vitest";
import { listenQuietly, othersListening } from "./quiet-listener.js";

const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

/** Listens, and undoes it when the test ends. */
function quietly(...args: Parameters<typeof listenQuietly>): void {
  undo.push(listenQuietly(...args));
}

function loudly(listener: () => void, method: "on" | "once" | "prependOnceListener" = "on"): void {
  process[method]("SIGHUP", listener);
  undo.push(() => void process.off("SIGHUP", listener));
}

const settled = () => new Promise<void>((resolve) => queueMicrotask(resolve));
const hangUp = () => process.emit("SIGHUP", "SIGHUP");

test("what process tells of its listeners is what it would tell without the quiet one", () => {
  const told = () => [
    process.listenerCount("SIGHUP"),
    process.listeners("SIGHUP"),
    process.rawListeners("SIGHUP"),
    process.eventNames().includes("SIGHUP"),
  ];
  const own = () => {};
  quietly("SIGHUP", () => {}, { place: "first", isAlone: true });
  expect(told()).toEqual([0, [], [], false]);
  loudly(own);
  expect(told()).toEqual([1, [own], [own], true]);
  expect(process.listenerCount("SIGHUP", own)).toBe(1);
  expect(othersListening("SIGHUP")).toBe(1);
});

test("is none of those that Node warns of when they become many", () => {
  quietly("SIGHUP", () => {}, { place: "first", isAlone: true });
  const warned: unknown[] = [];
  const { emitWarning } = process;
  process.emitWarning = ((warning: unknown) => void warned.push(warning)) as typeof emitWarning;
  for (let i = 0; i < EventEmitter.defaultMaxListeners; i++) loudly(() => {});
  process.emitWarning = emitWarning;
  expect(warned).toEqual([]);
});

test("goes first or last, whatever is added later and however", async () => {
  const order: string[] = [];
  quietly("SIGHUP", () => order.push(`first of ${1 + othersListening("SIGHUP")}`), {
    place: "first",
    isAlone: true,
  });
  quietly("SIGHUP", () => order.push("last"), { place: "last", isAlone: true });
  loudly(() => order.push("own"));
  loudly(() => order.push("once"), "prependOnceListener");
  await settled();
  hangUp();
  hangUp();
  expect(order).toEqual(["first of 3", "once", "own", "last", "first of 2", "own", "last"]);
});

test("where it must not be alone, it comes with the first other and goes with the last, at once", () => {
  let heard = 0;
  quietly("SIGHUP", () => heard++, { place: "first", isAlone: false });
  hangUp();
  expect(heard).toBe(0);
  loudly(() => {}, "once");
  hangUp();
  hangUp();
  expect(heard).toBe(1);
});

test("is there again when all listeners of an event were removed, and gone when undone", async () => {
  let heard = 0;
  const listener = (): void => {
    heard++;
  };
  const off = listenQuietly("SIGHUP", listener, { place: "first", isAlone: true });
  loudly(() => {});
  process.removeAllListeners("SIGHUP");
  await settled();
  hangUp();
  expect(heard).toBe(1);
  off();
  hangUp();
  expect(heard).toBe(1);
  expect(EventEmitter.prototype.rawListeners.call(process, "SIGHUP")).not.toContain(listener);
});
