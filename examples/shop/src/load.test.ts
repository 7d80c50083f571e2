import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { type Customer, currencyOf } from "./currency.js";
import { requestOf, startLoad } from "./load.js";

const payments = Array.from({ length: 500 }, (_, n) => requestOf(n)).filter(
  ({ target }) => target === "/pay",
);

function customerOf(init: RequestInit): Customer {
  return (JSON.parse(String(init.body)) as { customer: Customer }).customer;
}

test("one visitor of five pays, and 46 of 100 who pay are guests", () => {
  expect(payments).toHaveLength(100);
  expect(payments.filter(({ init }) => customerOf(init).wallet === undefined)).toHaveLength(46);
});

test("every ten payments have some guests and some customers", () => {
  for (let start = 0; start < 100; start += 10) {
    const guests = payments.slice(start, start + 10).filter(({ init }) => !customerOf(init).wallet).length;
    expect(guests).toBeGreaterThanOrEqual(3);
    expect(guests).toBeLessThanOrEqual(6);
  }
});

test.each([
  { version: "1.41.3", customer: {}, want: "EUR" },
  { version: "1.41.3", customer: { wallet: { currency: "USD" } }, want: "USD" },
  { version: "1.42.0", customer: { wallet: { currency: "USD" } }, want: "USD" },
  { version: "1.43.0", customer: {}, want: "EUR" },
])("$version pays $customer in $want", ({ version, customer, want }) => {
  expect(currencyOf(customer, version)).toBe(want);
});

test("1.42.0 fails for guests with the TypeError of the story", () => {
  expect(() => currencyOf({}, "1.42.0")).toThrow(
    new TypeError("Cannot read properties of undefined (reading 'currency')"),
  );
});

test("the load counts what fails and says once when it began", async () => {
  let isBroken = false;
  const failures: number[] = [];
  const answered = new Set<number>();
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(isBroken ? 500 : 200).end();
      answered.add(response.statusCode);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const load = startLoad({ url, requestsPerSecond: 200, onFirstFailure: (atMs) => failures.push(atMs) });
  await expect.poll(() => load.counts().ok).toBeGreaterThan(5);
  expect(load.counts()).toMatchObject({ failed: 0, firstFailureAtMs: undefined });
  isBroken = true;
  await expect.poll(() => load.counts().failed).toBeGreaterThan(5);
  load.stop();
  server.closeAllConnections();
  server.close();
  expect(failures).toEqual([load.counts().firstFailureAtMs]);
  expect(answered).toEqual(new Set([200, 500]));
});
