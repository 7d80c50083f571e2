import { createRequire } from "node:module";
import type * as Exporters from "./exporters.js";
import type * as Propagators from "./propagators.js";

/** The parts of OpenTelemetry that few services use, by the name of their file in `dist/on-demand`. */
interface Parts {
  readonly exporters: typeof Exporters;
  readonly propagators: typeof Propagators;
}

/** Loads a part that lies beside the agent's main file; a service that does not use it does not pay for it. */
export function onDemand<Name extends keyof Parts>(name: Name): Parts[Name] {
  return createRequire(import.meta.url)(`./on-demand/${name}.cjs`) as Parts[Name];
}
