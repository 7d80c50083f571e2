import { expect, test } from "vitest";
import { type TestAttributes, tracesBody } from "../../test/otlp-data.js";
import { decodeTraces } from "../otlp/index.js";
import { type Release, releaseOf } from "./release.js";

const REVISION = "9d59409acf479dfa0df1aa568182e43e43df8bbe";

function releaseFrom(attributes: TestAttributes): Release {
  const span = { endMs: 1_700_000_000_000, durationMs: 1 };
  const { resources } = decodeTraces(tracesBody({ "service.name": "checkout", ...attributes }, [span]));
  return releaseOf(resources[0]!);
}

test.each<{ name: string; attributes: TestAttributes; want: Partial<Release> }>([
  { name: "nothing", attributes: {}, want: { version: "", image: "", revision: "", rollout: "" } },
  {
    name: "its version, whatever else is known",
    attributes: {
      "service.version": "1.42.0",
      "container.image.tag": "latest",
      "vcs.ref.head.revision": REVISION,
    },
    want: { version: "1.42.0", revision: REVISION },
  },
  {
    name: "the tag of its image",
    attributes: { "container.image.name": "shop/checkout", "container.image.tag": "1.41" },
    want: { version: "1.41", image: "shop/checkout:1.41" },
  },
  {
    name: "the tag before the revision, with the image's digest",
    attributes: {
      "container.image.name": "shop/checkout",
      "container.image.tag": "main",
      "container.image.repo_digests": "shop/checkout@sha256:0123456789abcdef0123",
      "vcs.ref.head.revision": REVISION,
    },
    want: { version: "main", image: "shop/checkout:main@0123456789ab" },
  },
  {
    name: "the beginning of its revision",
    attributes: { "vcs.ref.head.revision": REVISION },
    want: { version: "9d59409acf47", revision: REVISION, image: "" },
  },
  {
    name: "the revision by its older name",
    attributes: { "vcs.repository.ref.revision": REVISION },
    want: { version: "9d59409acf47" },
  },
  {
    name: "its roll-out, where nothing else tells",
    attributes: { "k8s.pod.label.pod-template-hash": "7d9f", "k8s.replicaset.name": "checkout-7d9f" },
    want: { version: "7d9f", rollout: "7d9f" },
  },
  {
    name: "its ReplicaSet",
    attributes: { "k8s.replicaset.name": "checkout-5c01" },
    want: { version: "checkout-5c01" },
  },
])("a process is called by $name", ({ attributes, want }) => {
  expect(releaseFrom(attributes)).toMatchObject(want);
});

test("a resource is read once", () => {
  const span = { endMs: 1_700_000_000_000, durationMs: 1 };
  const { resources } = decodeTraces(
    tracesBody({ "service.name": "checkout", "service.version": "1" }, [span]),
  );
  expect(releaseOf(resources[0]!)).toBe(releaseOf(resources[0]!));
});
