import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { end, SLOW, WAYS } from "./support/ends.js";
import { Service } from "./support/service.js";
import { Sink } from "./support/sink.js";

const HAS_OPENSSL = spawnSync("openssl", ["version"]).status === 0;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "tocsin-tls-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

test.concurrent("a token goes along as a bearer token, headers as they were given, and gzip is gzip", async () => {
  const sink = await Sink.open();
  const seen = await end(WAYS[0], sink.url, {
    env: {
      ...SLOW,
      TOCSIN_TOKEN: "hunter2",
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=a%20b",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    },
  });
  await sink.close();
  expect(new Set(sink.requests.map(({ path }) => path))).toEqual(new Set(["/v1/traces", "/v1/metrics"]));
  for (const { headers } of sink.requests)
    expect(headers).toMatchObject({
      authorization: "Bearer hunter2",
      "x-tenant": "a b",
      "content-encoding": "gzip",
    });
  expect(sink.spans).toHaveLength(2);
  expect(seen.stderr).not.toContain("hunter2");
});

test.skipIf(!HAS_OPENSSL)(
  "TLS: a collector that the given CA vouches for is sent to, another is named",
  async () => {
    const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    spawnSync("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ]);
    const paths = new Set<string | undefined>();
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      paths.add(request.url);
      request.resume();
      request.on("end", () => response.end());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const stranger = await end(WAYS[0], url, { env: SLOW });
      expect(stranger.stderr).toContain(`cannot deliver to ${url}: self-signed certificate`);
      expect(paths.size).toBe(0);
      const known = await end(WAYS[0], url, { env: { ...SLOW, OTEL_EXPORTER_OTLP_CERTIFICATE: cert } });
      expect(known.stderr).toContain(`sending to ${url}, which answered`);
      expect(paths).toEqual(new Set(["/v1/traces", "/v1/metrics"]));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
);

test.concurrent("what was loaded too early is named once, with the cure, and requests are seen all the same", async () => {
  const sink = await Sink.open();
  const service = new Service("late.cjs", sink.url, { nodeArgs: [] });
  try {
    await fetch(`${await service.listening()}/late/1`);
    await sink.span("GET /late/:id");
  } finally {
    await service.stop();
    await sink.close();
  }
  const told = service.stderr.match(
    /not express: loaded before the agent, so that parts of it are not seen; start with --import/g,
  );
  expect(told).toHaveLength(1);
});

test.concurrent("readiness turns off on SIGTERM while the service still serves what it has", async () => {
  const sink = await Sink.open();
  const service = new Service("draining.cjs", sink.url);
  const url = await service.listening();
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const slow = fetch(`${url}/slow`);
  await service.message();
  service.child.kill("SIGTERM");
  await service.message();
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([503, { status: "stopping" }]);
  service.child.send("go");
  expect(await (await slow).text()).toBe("served");
  expect(await service.ended).toMatchObject({ code: 0, signal: null });
  expect(sink.spans.map(({ name }) => name)).toContain("GET /slow");
  await sink.close();
});
