import { size } from "@tocsin/model/config";
import { z } from "zod";

export const SpoolConfig = z.strictObject({
  max_size: size()
    .default(1_000_000_000)
    .describe("Disk that the spool may take. When it is full, senders are told to come back (503)."),
  segment_size: size()
    .default(16 * 1024 * 1024)
    .describe(
      "Size at which a file is closed and the next begun; whole files are deleted when all have read them.",
    ),
  memory: size()
    .default(16 * 1024 * 1024)
    .describe(
      "Newest records kept in memory, so that readers that keep up never touch the disk. A sidecar keeps at most 4 MiB.",
    ),
  durability: z
    .enum(["write", "fsync"])
    .default("write")
    .describe(
      "When a request is acknowledged. write: it is with the operating system (survives the process). fsync: it is on the disk (survives the machine).",
    ),
});
export type SpoolConfig = z.infer<typeof SpoolConfig>;
