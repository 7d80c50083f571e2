import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "@tocsin/model";
import type { Registry } from "prom-client";
import { engineAvailability } from "../../src/store/engine/availability.js";
import { Store } from "../../src/store/store.js";

/** Whether the embedded engine runs on this machine; says why where it does not. */
export function hasEngine(): boolean {
  const availability = engineAvailability();
  if (!availability.available) console.warn(`Skipped: ${availability.message}`);
  return availability.available;
}

/** A store over an engine of its own, in a folder of its own. */
export interface EmbeddedStore {
  readonly store: Store;
  close(): Promise<void>;
}

export async function openEmbeddedStore(options: {
  readonly clock?: Clock;
  readonly registry?: Registry;
}): Promise<EmbeddedStore> {
  const folder = await mkdtemp(join(tmpdir(), "tocsin-store-"));
  const store = await Store.open({ config: "embedded", dataDir: folder, ...options });
  return {
    store,
    async close() {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
