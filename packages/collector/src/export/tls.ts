import { z } from "zod";
import { readPemFile } from "../config/pem-file.js";

export const ForwardTlsConfig = z
  .strictObject({
    ca_file: z
      .string()
      .optional()
      .describe("PEM authority that signed the endpoint's certificate; default: those that Node trusts."),
    cert_file: z
      .string()
      .optional()
      .describe("PEM certificate to show to the endpoint (mTLS), with its chain."),
    key_file: z.string().optional().describe("PEM key of the certificate."),
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined), {
    message: "A certificate and its key go together: give both cert_file and key_file, or neither.",
  });
type ForwardTlsConfig = z.infer<typeof ForwardTlsConfig>;

/** Client certificate and authority, PEM. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/**
 * Reads the files of a TLS configuration.
 *
 * @throws {CollectorError} CONFIG_UNREADABLE, CONFIG_INVALID, naming the file
 */
export async function readClientTls(config: ForwardTlsConfig | undefined): Promise<ClientTls | undefined> {
  if (!config) return undefined;
  const [ca, cert, key] = await Promise.all(
    [config.ca_file, config.cert_file, config.key_file].map((file) => readPemFile(file, "forward.tls")),
  );
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

/** What OpenSSL says, and what it means for who set the endpoint up. The first that fits. */
const FAULTS: readonly (readonly [RegExp, string])[] = [
  [
    /alert certificate required|alert handshake failure/i,
    "The endpoint asks for a client certificate: give tls.cert_file and tls.key_file",
  ],
  [
    /alert (unknown ca|bad certificate|certificate unknown|unsupported certificate|access denied|decrypt error)/i,
    "The endpoint does not accept our client certificate: its authority must have signed tls.cert_file",
  ],
  [
    /alert certificate expired|alert certificate revoked/i,
    "The endpoint refuses our client certificate as expired or revoked: renew tls.cert_file",
  ],
  [
    /unable to (verify|get)|self[- ]signed/i,
    "The endpoint's certificate is not signed by an authority that we know: name it in tls.ca_file",
  ],
  [/certificate has expired/i, "The endpoint's certificate has expired: renew it there"],
  [
    /altnames|does not match certificate/i,
    "The endpoint's certificate is for another name: use the name it was made for in forward.endpoints",
  ],
  [
    /wrong version number|packet length too long/i,
    "The endpoint does not speak TLS at that port: write http:// or grpc://, or use its TLS port",
  ],
];

/** An error's text, led by its meaning where it tells of certificates. */
export function explainTls(message: string): string {
  const meaning = FAULTS.find(([pattern]) => pattern.test(message))?.[1];
  return meaning === undefined ? message : `${meaning} (${message})`;
}
