import { z } from "zod";

/** `4318`, `127.0.0.1:4318` or `[::1]:4318`. */
function address(defaultPort: number) {
  return z
    .union([z.string(), z.number().int()])
    .default(`127.0.0.1:${defaultPort}`)
    .transform((written, context) => {
      const match = /^(?:(\[[0-9a-fA-F:]+\]|[^:[\]]*):)?(\d+)$/.exec(String(written));
      const port = Number(match?.[2]);
      if (match && port <= 65_535) {
        const host = (match[1] ?? "127.0.0.1").replace(/^\[|\]$/g, "") || "0.0.0.0";
        return { host, port };
      }
      context.addIssue({
        code: "custom",
        message: `"${written}" is not an address. Write 127.0.0.1:${defaultPort}, [::1]:${defaultPort} or a port alone.`,
      });
      return z.NEVER;
    });
}

export const ListenConfig = z.strictObject({
  otlp_http: address(4318).describe("OTLP/HTTP: /v1/traces, /v1/metrics, /v1/logs."),
  otlp_grpc: address(4317).describe("OTLP/gRPC."),
  api: address(4319).describe("Page and APIs."),
  insecure: z
    .boolean()
    .default(false)
    .describe(
      "Allows an address other than loopback without a token or, for OTLP, certificates (tls.client_ca_file). Anyone who reaches it may then read and write.",
    ),
  hosts: z
    .array(z.string())
    .default([])
    .describe(
      "Host names besides loopback's that the page answers to; `*` for any (behind a proxy that checks).",
    ),
});
export type ListenConfig = z.infer<typeof ListenConfig>;

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
