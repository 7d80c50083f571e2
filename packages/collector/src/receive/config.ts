import { duration, size } from "@tocsin/model/config";
import { z } from "zod";

export const LimitsConfig = z.strictObject({
  max_request_size: size()
    .default(8 * 1024 * 1024)
    .describe("Largest request, after decompression too; larger ones are answered 413."),
  max_in_flight: size()
    .default(64 * 1024 * 1024)
    .describe(
      "Bytes of requests being received at once, in all; beyond it requests wait, then senders are told to come back (503). A sidecar takes at most 16 MiB at once.",
    ),
  max_in_flight_per_sender: size()
    .default(32 * 1024 * 1024)
    .describe(
      "The same for one sender (token, else address); beyond it that sender waits, then is told to come back (429).",
    ),
  max_wait: duration()
    .default(2_000)
    .describe(
      "How long a request waits for room, in memory or in the spool, before it is refused; senders give up after about 10 s. 0 refuses at once.",
    ),
  max_waiting: z
    .number()
    .int()
    .nonnegative()
    .default(256)
    .describe(
      "Requests that may wait at once; one sender gets at most half of the places. Others are refused at once.",
    ),
  max_connections: z
    .number()
    .int()
    .positive()
    .default(2_000)
    .describe("Open connections per OTLP port; further ones are refused (503) and counted."),
  max_connections_per_sender: z
    .number()
    .int()
    .positive()
    .default(1_000)
    .describe(
      "The same for one address (429), so that one sender cannot take all. Raise it where senders come through a proxy.",
    ),
  max_attributes: z
    .number()
    .int()
    .positive()
    .default(256)
    .describe("Attributes of one span, log record or point; those beyond are cut and counted."),
  max_attribute_length: size()
    .default(64 * 1024)
    .describe("Bytes of one attribute's text; longer ones are cut at a character and counted."),
  max_depth: z
    .number()
    .int()
    .min(1)
    .max(32)
    .default(32)
    .describe(
      "Levels of lists and maps inside one attribute or log body; a request with more is refused (400).",
    ),
  max_items: z
    .number()
    .int()
    .positive()
    .default(100_000)
    .describe("Spans, log records or data points of one request; one with more is refused (413)."),
  retry_after: z
    .number()
    .int()
    .positive()
    .default(1)
    .describe("Seconds that a refused sender is asked to wait."),
});
export type LimitsConfig = z.infer<typeof LimitsConfig>;
