import { z } from "zod";
import { readPemFile } from "../config/pem-file.js";
import type { ServerTls } from "./port.js";

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
 * @throws {CollectorError} CONFIG_UNREADABLE, CONFIG_INVALID, naming the file
 */
export async function readTls(config: TlsConfig): Promise<ServerTls> {
  const [cert, key, ca] = await Promise.all(
    [config.cert_file, config.key_file, config.client_ca_file].map((file) => readPemFile(file, "tls")),
  );
  return { cert: cert ?? "", key: key ?? "", ...(ca ? { ca } : {}) };
}
