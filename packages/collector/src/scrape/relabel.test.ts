import type { Labels } from "@tocsin/model";
import { expect, test } from "vitest";
import { RelabelConfig, relabelling } from "./relabel.js";

const INPUT = { job: "api", __meta_port: "8080", __address__: "10.0.0.1:80", Zone: "EU-1" };

test.each<{ name: string; step: object; want: Labels | undefined }>([
  { name: "sets", step: { target_label: "team", replacement: "shop" }, want: { ...INPUT, team: "shop" } },
  {
    name: "joins and rewrites",
    step: {
      source_labels: ["__address__", "__meta_port"],
      regex: "([^:]+)(?::\\d+)?;(\\d+)",
      replacement: "${1}:$2",
      target_label: "__address__",
    },
    want: { ...INPUT, __address__: "10.0.0.1:8080" },
  },
  {
    name: "leaves what does not match",
    step: { source_labels: ["job"], regex: "ap", target_label: "x" },
    want: INPUT,
  },
  {
    name: "removes by an empty value",
    step: { source_labels: ["none"], target_label: "job" },
    want: { __meta_port: "8080", __address__: "10.0.0.1:80", Zone: "EU-1" },
  },
  { name: "keeps", step: { action: "keep", source_labels: ["job"], regex: "a.i" }, want: INPUT },
  { name: "drops", step: { action: "drop", source_labels: ["job"], regex: "api|web" }, want: undefined },
  {
    name: "drops what it does not keep",
    step: { action: "keep", source_labels: ["job"], regex: "a" },
    want: undefined,
  },
  {
    name: "keeps equals",
    step: { action: "KeepEqual", source_labels: ["job"], target_label: "Zone" },
    want: undefined,
  },
  {
    name: "drops equals",
    step: { action: "dropequal", source_labels: ["job"], target_label: "job" },
    want: undefined,
  },
  {
    name: "maps names",
    step: { action: "labelmap", regex: "__meta_(?P<n>.+)", replacement: "k_${n}" },
    want: { ...INPUT, k_port: "8080" },
  },
  { name: "drops names", step: { action: "labeldrop", regex: "__.*|Zone" }, want: { job: "api" } },
  { name: "keeps names", step: { action: "labelkeep", regex: "job" }, want: { job: "api" } },
  {
    name: "lowers case",
    step: { action: "lowercase", source_labels: ["Zone"], target_label: "zone" },
    want: { ...INPUT, zone: "eu-1" },
  },
  {
    name: "shards",
    step: { action: "hashmod", source_labels: ["__address__"], modulus: 8, target_label: "shard" },
    want: { ...INPUT, shard: "0" },
  },
])("$name", ({ step, want }) => {
  const got = relabelling([RelabelConfig.parse(step)])(INPUT);
  if ("modulus" in step) expect(Number(got?.shard)).toBeLessThan(8);
  else expect(got).toEqual(want);
});

test.each([
  [{ action: "hashmod", target_label: "x" }, "needs a modulus"],
  [{ regex: "(", target_label: "x" }, "not an RE2"],
  [{ action: "replace" }, "needs a target_label"],
])("refuses %j", (step, reason) => {
  expect(() => RelabelConfig.parse(step)).toThrow(reason);
});
