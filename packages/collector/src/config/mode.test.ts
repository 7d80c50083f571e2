import { expect, test } from "vitest";
import { loadConfig } from "./load.js";
import { type Parts, partsOf } from "./mode.js";
import { CollectorConfig } from "./schema.js";
import { WholeConfig } from "./watch-schema.js";

const none: Parts = { watch: false, store: false, scraping: false };
const all: Parts = { watch: true, store: true, scraping: true };

test.each([
  { mode: "standalone", keys: [], want: all },
  { mode: "gateway", keys: [], want: all },
  { mode: "sidecar", keys: ["forward", "redact", "sample", "spool", "listen", "auth"], want: none },
  { mode: "sidecar", keys: ["slos"], want: { ...none, watch: true } },
  { mode: "sidecar", keys: ["rule_files"], want: { ...none, watch: true } },
  { mode: "sidecar", keys: ["scrape_configs"], want: { ...none, scraping: true } },
  { mode: "sidecar", keys: ["store"], want: none },
] as const)("$mode with $keys starts $want", ({ mode, keys, want }) => {
  expect(partsOf(mode, keys)).toEqual(want);
});

test("what runs stays when a reload no longer asks for it", () => {
  expect(partsOf("sidecar", [], { ...none, scraping: true })).toEqual({ ...none, scraping: true });
});

test("every key that only the whole schema knows asks for what it configures", () => {
  const more = Object.keys(WholeConfig.shape).filter((key) => !(key in CollectorConfig.shape));
  expect(more).toContain("alerting");
  for (const key of more) expect(partsOf("sidecar", [key]).watch, key).toBe(true);
});

test("the mode of a flag wins over the file's, and the file's over the default", async () => {
  const flagged = await loadConfig(undefined, {}, { mode: "sidecar" });
  expect(flagged).toMatchObject({ ok: true, config: { mode: "sidecar" }, whole: undefined, parts: none });
  const plain = await loadConfig(undefined, {});
  expect(plain).toMatchObject({ ok: true, config: { mode: "standalone" }, parts: all });
});
