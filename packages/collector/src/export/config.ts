import { duration, secret, size } from "@tocsin/model/config";
import { z } from "zod";
import { ForwardTlsConfig } from "./tls.js";

const endpoint = z.string().refine((text) => /^(https?|grpcs?):\/\/[^/\s]+/.test(text), {
  message:
    "An endpoint is an address such as http://gateway:4318, https://…, grpc://gateway:4317 or grpcs://….",
});

export const ForwardConfig = z.strictObject({
  endpoints: z
    .array(endpoint)
    .default([])
    .describe(
      "Where OTLP goes on to: the first that answers; the others stand in for it. http(s):// or grpc(s)://.",
    ),
  headers: z
    .record(z.string(), secret())
    .default({})
    .describe("Headers of every request, such as authorization."),
  tls: ForwardTlsConfig.optional().describe(
    "Certificates for https:// and grpcs:// endpoints; without it they are checked with Node's authorities.",
  ),
  compression: z.enum(["gzip", "none"]).default("gzip").describe("How bodies are sent."),
  timeout: duration().default(10_000).describe("How long an endpoint may take to answer."),
  max_request_size: size()
    .default(2 * 1024 * 1024)
    .describe("Requests are joined up to this size before compression."),
  resource_attributes: z
    .record(z.string(), z.string())
    .default({})
    .describe(
      "Added to resources that do not have them, such as k8s.pod.name: ${POD_NAME} from the downward API.",
    ),
  max_backoff: duration()
    .default(60_000)
    .describe(
      "Longest wait of our own between tries; a Retry-After of the endpoint is kept to whatever it says.",
    ),
});
export type ForwardConfig = z.infer<typeof ForwardConfig>;
