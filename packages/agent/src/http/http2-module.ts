import { createRequire } from "node:module";

/**
 * Node's HTTP/2, where something has loaded it already: loading it takes time that most services need not spend. By Node's
 * list of the modules of its own that were loaded, such as `NativeModule http2`.
 */
export function loadedHttp2(): typeof import("node:http2") | undefined {
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] };
  if (moduleLoadList?.includes("NativeModule http2") !== true) return undefined;
  return createRequire(import.meta.url)("node:http2") as typeof import("node:http2");
}
