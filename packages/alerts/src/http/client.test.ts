import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, LookupFunction } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createAddressGuard } from "./address-guard.js";
import { createHttpClient } from "./client.js";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(handle: RequestListener): Promise<string> {
  const server = createServer(handle).listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret-path?token=secret`;
}

const http = createHttpClient(createAddressGuard());

describe("addresses", () => {
  test.each([
    "10.1.2.3",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "167838211", // 10.1.2.3 as one number
    "0x0a.1.2.3",
    "012.1.2.3",
    "[::]",
    "[::10.0.0.1]",
    "[::7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:10.0.0.1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::a00:1]",
    "[2002:a00:1::]",
    "[2001:0:a00:1::]",
    "[fe80::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
  ])("%s is refused", async (host) => {
    await expect(http.request({ url: `http://${host}/` })).rejects.toMatchObject({
      code: "ALERTS_NOTIFY_FORBIDDEN_ADDRESS",
      retryable: false,
    });
  });

  test.each(["8.8.8.8", "2606:4700::1111", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])(
    "%s is not",
    (address) => {
      expect(() => createAddressGuard().check(address, address)).not.toThrow();
    },
  );

  test("`true` allows private ranges, and only a list allows where clouds keep credentials", () => {
    const all = createAddressGuard({ allowPrivateTargets: true });
    expect(() => all.check("10.1.2.3", "x")).not.toThrow();
    expect(() => all.check("fd00::1", "x")).not.toThrow();
    expect(() => all.check("169.254.169.254", "x")).toThrow(/reserved/);
    const listed = createAddressGuard({ allowPrivateTargets: ["169.254.169.254", "fd00::/8"] });
    expect(() => listed.check("169.254.169.254", "x")).not.toThrow();
    expect(() => listed.check("::ffff:169.254.169.254", "x")).not.toThrow();
    expect(() => listed.check("fd00::1", "x")).not.toThrow();
    expect(() => listed.check("10.0.0.1", "x")).toThrow();
  });

  test("a name is judged by the address that is connected to, each time", async () => {
    const url = new URL(await serve((_request, response) => response.end("hello")));
    const answers = ["127.0.0.1", "10.0.0.1", "127.0.0.1"];
    const lookUp: LookupFunction = (_hostname, options, callback) => {
      const address = answers.shift() ?? "10.0.0.1";
      if (options.all) callback(null, [{ address, family: 4 }]);
      else callback(null, address, 4);
    };
    const own = createHttpClient(createAddressGuard(), "tocsin", lookUp);
    url.hostname = "rebinding.example.org";
    expect((await own.request({ url: url.href })).body).toBe("hello");
    await expect(own.request({ url: url.href })).rejects.toMatchObject({
      code: "ALERTS_NOTIFY_FORBIDDEN_ADDRESS",
      message: expect.stringContaining("rebinding.example.org (10.0.0.1)"),
    });
    expect((await own.request({ url: url.href })).body).toBe("hello");
    expect(answers).toEqual([]);
  });

  test("one forbidden address among several is enough", async () => {
    const lookUp: LookupFunction = (_hostname, _options, callback) =>
      callback(null, [
        { address: "127.0.0.1", family: 4 },
        { address: "10.0.0.1", family: 4 },
      ]);
    const own = createHttpClient(createAddressGuard(), "tocsin", lookUp);
    await expect(own.request({ url: "http://two.example.org/" })).rejects.toMatchObject({
      code: "ALERTS_NOTIFY_FORBIDDEN_ADDRESS",
    });
  });
});

describe("answers", () => {
  test("no more than 64 KB of a body is read, and the connection ends there", async () => {
    let wasCut = false;
    const url = await serve((_request, response) => {
      response.on("close", () => {
        wasCut = !response.writableFinished;
      });
      const more = (): void => {
        while (!response.destroyed && response.write("x".repeat(16_384)));
        if (!response.destroyed) response.once("drain", more);
      };
      more();
    });
    const { status, body } = await http.request({ url });
    expect(status).toBe(200);
    expect(body).toHaveLength(65_536);
    await expect.poll(() => wasCut).toBe(true);
  });

  test("a redirect is an answer, and is not followed", async () => {
    const seen: string[] = [];
    const url = await serve((request, response) => {
      seen.push(request.url ?? "");
      response.writeHead(302, { location: "http://169.254.169.254/latest" }).end();
    });
    expect(await http.request({ url })).toMatchObject({ status: 302 });
    expect(seen).toHaveLength(1);
  });

  test.each<[string, RequestListener]>([
    ["never answers", () => {}],
    [
      "answers a byte at a time",
      (_request, response) => {
        const timer = setInterval(() => response.write("."), 10);
        response.on("close", () => clearInterval(timer));
      },
    ],
    [
      "stops in the middle",
      (_request, response) => {
        response.writeHead(200, { "content-length": "10" }).write("x");
        setImmediate(() => response.destroy());
      },
    ],
  ])("a server that %s is given up on; its error names the host and no more", async (_name, handle) => {
    const url = await serve(handle);
    const failure: unknown = await http.request({ url, timeoutMs: 200 }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "ALERTS_NOTIFY_UNREACHABLE", retryable: true });
    expect(String(failure)).toContain(new URL(url).host);
    expect(String(failure)).not.toContain("secret");
  });
});
