import { z } from "zod";
import { AuthConfig } from "../auth/config.js";
import { ListenConfig } from "./listen.js";

export const Mode = z.enum(["standalone", "sidecar", "gateway"]);
export type Mode = z.infer<typeof Mode>;

/** `tocsin.yaml`, whole. Each area's schema stands with the code that it configures. */
export const CollectorConfig = z.strictObject({
  mode: Mode.default("standalone").describe(
    "standalone: everything in one process. sidecar: spool and forward, no store. gateway: external ClickHouse, several replicas.",
  ),
  listen: ListenConfig.prefault({}).describe("Addresses; loopback unless told otherwise."),
  auth: AuthConfig.prefault({}).describe("Who may write, read and act."),
});
export type CollectorConfig = z.infer<typeof CollectorConfig>;
