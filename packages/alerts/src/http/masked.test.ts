import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { maskedHttp } from "./masked.js";

test("secrets in files are hidden too, as they are now", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tocsin-masked-"));
  const file = join(dir, "token");
  const http = maskedHttp(
    { request: async ({ url }) => ({ status: 400, headers: {}, body: `you sent ${url}` }) },
    { api_key_file: file, tls_config: { ca_file: join(dir, "nowhere") } },
  );
  await writeFile(file, "first-token\n");
  expect((await http.request({ url: "first-token" })).body).toBe("you sent <secret>");
  await writeFile(file, "other-token\n");
  expect((await http.request({ url: "other-token" })).body).toBe("you sent <secret>");
  await rm(dir, { recursive: true });
});
