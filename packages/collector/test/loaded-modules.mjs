// For `NODE_OPTIONS=--import=…`: writes the address of every module that the process loads to $TOCSIN_LOADED_MODULES.
import { appendFileSync } from "node:fs";
import { register } from "node:module";
import { isMainThread } from "node:worker_threads";

// Hooks run in a thread of their own, in which this file is loaded once more.
if (isMainThread) register(import.meta.url);

export async function load(url, context, nextLoad) {
  appendFileSync(process.env.TOCSIN_LOADED_MODULES, `${url}\n`);
  return nextLoad(url, context);
}
