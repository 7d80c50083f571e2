// A sidecar that forwards to a collector which asks for certificates: two real processes, over HTTP and gRPC.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check } from "../src/cli/check.js";
import { doctor } from "../src/cli/doctor.js";
import { type Certificates, hasOpenssl, makeCertificates } from "./certificates.js";
import { type CollectorProcess, startProcess } from "./process.js";
import { runCommand } from "./run-command.js";

if (!hasOpenssl) console.warn("Skipped: openssl is not installed, mutual TLS is not tested.");

let certificates: Certificates;
let folder: string;
let gateway: CollectorProcess;

describe.skipIf(!hasOpenssl)("with certificates asked of senders", () => {
  beforeAll(async () => {
    certificates = makeCertificates({
      authority: undefined,
      gateway: "authority",
      sidecar: "authority",
      stranger: undefined,
    });
    folder = await mkdtemp(join(tmpdir(), "tocsin-mutual-"));
    // Open to others without a token: the certificates guard it.
    gateway = await start("gateway", {
      listen: { otlp_http: "0.0.0.0:4318", otlp_grpc: "0.0.0.0:4317" },
      tls: {
        cert_file: certificates.file("gateway", "pem"),
        key_file: certificates.file("gateway", "key"),
        client_ca_file: certificates.file("authority", "pem"),
      },
    });
  });

  afterAll(async () => {
    await gateway.stop();
    certificates.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(["https", "grpcs"])(
    "%s: a wrong certificate is said, and nothing is lost by it",
    async (protocol) => {
      const dataDir = join(folder, protocol);
      const port = protocol === "https" ? gateway.otlpHttpPort : gateway.otlpGrpcPort;
      const forward = (tls: object) => ({
        endpoints: [`${protocol}://localhost:${port}`],
        max_backoff: "50ms",
        tls,
      });
      const authority = { ca_file: certificates.file("authority", "pem") };
      const own = (name: string) => ({
        cert_file: certificates.file(name, "pem"),
        key_file: certificates.file(name, "key"),
      });

      const faults = [
        {
          tls: own("sidecar"),
          says: "The endpoint's certificate is not signed by an authority that we know",
        },
        {
          tls: { ...authority, ...own("stranger") },
          says: "Your certificate is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT)",
        },
        { tls: authority, says: "This port asks for a client certificate, and you showed none." },
      ];
      for (const { tls, says } of faults) {
        const sidecar = await start("sidecar", { forward: forward(tls) }, dataDir);
        await send(sidecar, `service-${protocol}`);
        await expect.poll(() => sidecar.log(), { timeout: 20_000 }).toContain(says);
        await expect
          .poll(() => metric(sidecar, "tocsin_export_retries_total"), { timeout: 20_000 })
          .toBeGreaterThan(1);
        expect(await sidecar.stop()).toBe(0);
      }
      const { code, out } = await runCommand(doctor, ["--url", gateway.url]);
      expect(code).toBe(1);
      expect(out).toContain(
        `✓ OTLP/HTTP is received at https://localhost:${gateway.otlpHttpPort}, asks for a certificate`,
      );
      expect(out).toMatch(/✗ 127\.0\.0\.1 is refused over otlp-.*: This port asks for a client certificate/);
      expect(out).toContain("fix: give it a certificate that an authority in tls.client_ca_file has signed");
      expect(await services()).not.toContain(`service-${protocol}`);

      const right = await start(
        "sidecar",
        { forward: forward({ ...authority, ...own("sidecar") }) },
        dataDir,
      );
      // What was sent while the certificates were wrong waited on disk.
      const arrived = () => metric(gateway, "tocsin_receive_accepted_items_total", 'signal="traces"');
      const before = protocol === "https" ? 0 : 3;
      await expect.poll(arrived, { timeout: 20_000 }).toBe(before + 3);
      await expect.poll(services, { timeout: 20_000 }).toContain(`service-${protocol}`);
      expect(await right.stop()).toBe(0);
    },
  );
});

test("an open port that nothing guards is a fault of the configuration, with its place", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-open-"));
  await writeFile(join(folder, "tocsin.yaml"), "mode: sidecar\nlisten:\n  otlp_http: 0.0.0.0:0\n");
  const { code, out, err } = await runCommand(check, ["tocsin.yaml"], { cwd: folder });
  await rm(folder, { recursive: true });
  expect(code).toBe(1);
  expect(out + err).toContain("tocsin.yaml:3:14");
  expect(out + err).toContain("neither a token nor tls.client_ca_file is configured");
});

async function start(name: string, config: object, dataDir?: string): Promise<CollectorProcess> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, JSON.stringify(config));
  return startProcess({ args: ["--mode", "sidecar", "--config", file], ...(dataDir && { dataDir }) });
}

async function send({ otlpHttpPort }: CollectorProcess, service: string): Promise<void> {
  const startTimeUnixNano = `${Date.now()}000000`;
  const ids = { traceId: "5b8efff798038103d269b633813fc60c", spanId: "eee19b7ec3c1b174" };
  const span = { ...ids, name: "GET /", kind: 2, startTimeUnixNano, endTimeUnixNano: startTimeUnixNano };
  const resource = { attributes: [{ key: "service.name", value: { stringValue: service } }] };
  const response = await fetch(`http://127.0.0.1:${otlpHttpPort}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  });
  expect(response.status).toBe(200);
}

async function services(): Promise<string[]> {
  const list = (await (await fetch(`${gateway.url}/api/v1/services`)).json()) as { service: string }[];
  return list.map(({ service }) => service);
}

/** Sum of a metric of a collector over the label sets that hold `label`. */
async function metric({ url }: CollectorProcess, name: string, label = ""): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
