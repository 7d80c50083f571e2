import { expect, test } from "vitest";
import { loadSetup } from "../config/setup.js";
import { VERSION } from "../version.js";
import { announcement } from "./up-collector.js";

const at = (port: number) => ({ host: "127.0.0.1", port });
const bound = { api: at(4319), otlpHttp: at(4318), otlpGrpc: at(4317) };

test.each([
  {
    mode: "standalone",
    endpoints: [],
    says: `Tocsin ${VERSION} · page http://localhost:4319 · OTLP 4317/4318 · data /d`,
  },
  {
    mode: "gateway",
    endpoints: [],
    says: `Tocsin ${VERSION} gateway · page http://localhost:4319 · OTLP 4317/4318 · data /d`,
  },
  {
    mode: "sidecar",
    endpoints: ["https://user:secret@gateway:4318"],
    says: `Tocsin ${VERSION} sidecar · services http://localhost:4319/api/v1/services · OTLP 4317/4318 · forwards to https://gateway:4318 · data /d`,
  },
] as const)("a $mode says what it started", async ({ mode, endpoints, says }) => {
  const { setup } = await loadSetup(undefined, "/", {}, { mode });
  if (!setup) throw new Error("The defaults are not a configuration.");
  const forward = { ...setup.config.forward, endpoints: [...endpoints] };
  expect(announcement(bound, { ...setup, config: { ...setup.config, forward } }, "/d")).toBe(says);
});
