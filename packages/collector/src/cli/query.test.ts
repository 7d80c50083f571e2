import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../../test/run-command.js";
import { UsageError } from "./command.js";
import { query } from "./query.js";

let server: Server;
let url = "";
let asked: URLSearchParams;
let answer: { status: number; body: object };

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked = new URLSearchParams(body);
    asked.set("path", request.url ?? "");
    response
      .writeHead(answer.status, { "content-type": "application/json" })
      .end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

async function run(args: readonly string[], base = url) {
  return runCommand(query, args, { env: { TOCSIN_API_URL: base } });
}

const success = (data: object, notes: object = {}) => {
  answer = { status: 200, body: { status: "success", data, ...notes } };
};

test("a vector is a table, warnings are talk", async () => {
  success(
    {
      resultType: "vector",
      result: [
        { metric: { __name__: "up", job: "a" }, value: [1, "1"] },
        { metric: { job: "longer" }, value: [1, "12.5"] },
      ],
    },
    { warnings: ["careful"], infos: ["by the way"] },
  );
  expect(await run(["up", "--time", "17"])).toEqual({
    code: 0,
    out: 'up{job="a"}        1\n{job="longer"}  12.5\n',
    err: "warning: careful\ninfo: by the way\n",
  });
  expect(Object.fromEntries(asked)).toEqual({ query: "up", time: "17", path: "/prometheus/api/v1/query" });
});

test("a range is sparklines with gaps", async () => {
  success({
    resultType: "matrix",
    result: [
      {
        metric: { job: "a" },
        values: [
          [0, "0"],
          [60, "5"],
          [120, "10"],
        ],
      },
      {
        metric: { job: "b" },
        values: [
          [0, "2"],
          [120, "2"],
        ],
      },
    ],
  });
  expect((await run(["up", "--range", "2m", "--step", "1m", "--time", "120"])).out).toBe(
    '{job="a"}  ▁▅█  min 0  max 10  last 10\n{job="b"}  ▁ ▁  min 2   max 2   last 2\n',
  );
  expect(Object.fromEntries(asked)).toMatchObject({ start: "0", end: "120", step: "60" });
});

test("JSON is the API's data; a scalar is its number; nothing says so", async () => {
  success({ resultType: "scalar", result: [1, "42"] });
  expect((await run(["42", "--json"])).out).toBe('{"resultType":"scalar","result":[1,"42"]}\n');
  expect((await run(["42"])).out).toBe("42\n");
  success({ resultType: "vector", result: [] });
  expect(await run(["nothing"])).toEqual({ code: 0, out: "", err: expect.stringContaining("No series.") });
});

test("a parse error has a caret and asks nobody", async () => {
  const { code, err } = await run(["sum(rate(up[5m])\n  by (job))"], "http://127.0.0.1:1");
  expect(code).toBe(2);
  expect(err).toMatch(/^error\[promql\/parse\] \d+:\d+: parse error: .*\n {2}.*\n {2} *\^+\n$/);
});

test("an error of the engine is a finding", async () => {
  answer = { status: 422, body: { status: "error", errorType: "execution", error: "many-to-many" } };
  expect(await run(["up"])).toEqual({ code: 1, out: "", err: "error[execution] many-to-many\n" });
});

test.each([
  [[]],
  [["up", "down"]],
  [["up", "--step", "1m"]],
  [["up", "--range", "soon"]],
  [["up", "--range", "1h", "--time", "x"]],
])("%j is wrong use", async (args) => {
  await expect(run(args)).rejects.toThrow(UsageError);
});
