import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { OpenConnections } from "./open-connections.js";

const socket = () => new EventEmitter() as Socket;

test("a connection is idle, active while requests are on it, and gone when it closes", () => {
  const open = new OpenConnections();
  const one = socket();
  open.opened(one, "db.example", 443);
  expect([...open]).toEqual([{ address: "db.example", port: 443, active: 0, idle: 1 }]);
  open.busy(one);
  open.busy(one);
  open.free(one);
  expect([...open]).toMatchObject([{ active: 1, idle: 0 }]);
  open.free(one);
  expect([...open]).toMatchObject([{ active: 0, idle: 1 }]);
  one.emit("close");
  expect([...open]).toEqual([]);
});

test("whatever happens in whichever order, the sum is the number of open connections and none is negative", () => {
  const step = fc.record({ socket: fc.nat(4), what: fc.constantFrom("open", "busy", "free", "close") });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const open = new OpenConnections();
      const sockets = new Map<number, Socket>();
      for (const { socket: n, what } of steps) {
        const known = sockets.get(n);
        if (known === undefined) {
          if (what !== "open") continue;
          const made = socket();
          sockets.set(n, made);
          open.opened(made, `host-${n % 2}`, 80);
        } else if (what === "busy") open.busy(known);
        else if (what === "free") open.free(known);
        else if (what === "close") {
          known.emit("close");
          sockets.delete(n);
        }
      }
      let total = 0;
      for (const { active, idle } of open) {
        expect(Math.min(active, idle)).toBeGreaterThanOrEqual(0);
        total += active + idle;
      }
      expect(total).toBe(sockets.size);
    }),
  );
});

test("no more than a hundred servers are told apart", () => {
  const open = new OpenConnections();
  for (let n = 0; n < 200; n++) open.opened(socket(), `host-${n}`, 80);
  expect([...open]).toHaveLength(100);
});
