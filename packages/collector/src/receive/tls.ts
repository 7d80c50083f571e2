import { readFile } from "node:fs/promises";
import { messageOf } from "@tocsin/model";
import { z } from "zod";
import { CollectorError } from "../errors.js";
import type { ServerTls } from "./http-server.js";

export const TlsConfig = z.strictObject({
  cert_file: z.string().describe("PEM certificate of the OTLP ports, with its chain."),
  key_file: z.string().describe("PEM key of the certificate."),
  client_ca_file: z
    .string()
    .optional()
    .describe("PEM authority: senders must then show a certificate that it signed (mTLS)."),
});
export type TlsConfig = z.infer<typeof TlsConfig>;

/**
 * Reads the files of a TLS configuration.
 *
 * @throws {CollectorError} CONFIG_UNREADABLE, naming the file
 */
export async function readTls(config: TlsConfig): Promise<ServerTls> {
  const [cert, key, ca] = await Promise.all(
    [config.cert_file, config.key_file, config.client_ca_file].map((file) => file && readPem(file)),
  );
  return { cert: cert ?? "", key: key ?? "", ...(ca ? { ca } : {}) };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CollectorError("CONFIG_UNREADABLE", `Cannot read ${file} of tls: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}
