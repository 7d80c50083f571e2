import { expect, test } from "vitest";
import { changeText, DeploymentBook } from "./deployments.js";
import type { Release } from "./release.js";

function booksAfter(sightings: readonly (readonly [seconds: number, version: string])[]): DeploymentBook {
  const book = new DeploymentBook();
  for (const [seconds, version] of sightings)
    book.observe("checkout", "prod", release({ version }), seconds * 1_000, seconds * 1_000);
  return book;
}

function release(parts: Partial<Release>): Release {
  const own = { version: parts.tag || parts.revision || parts.rollout || parts.digest || "", ...parts };
  const image = [parts.tag, parts.digest].filter(Boolean).join("@");
  return { declared: parts.version ?? "", image, tag: "", digest: "", revision: "", rollout: "", ...own };
}

test.each<[string, [number, string][], string[]]>([
  [
    "the version that is there at first is none",
    [
      [0, "1"],
      [5, "1"],
    ],
    [],
  ],
  [
    "a new version is one",
    [
      [0, "1"],
      [5, "2"],
      [6, "2"],
    ],
    ["1→2"],
  ],
  [
    "overlap while processes are replaced is one",
    [
      [0, "1"],
      [5, "2"],
      [6, "1"],
      [7, "2"],
    ],
    ["1→2"],
  ],
  [
    "going back to a version that was gone is another",
    [
      [0, "1"],
      [5, "2"],
      [200, "1"],
    ],
    ["2→1", "1→2"],
  ],
  [
    "going back while both still send is one as soon as the newer version is gone",
    [
      [0, "1"],
      [5, "2"],
      [60, "1"],
      [120, "1"],
      [180, "1"],
      [240, "1"],
    ],
    ["2→1", "1→2"],
  ],
  [
    "a canary whose halves send once a minute is one deployment",
    [
      [0, "1"],
      [30, "2"],
      [60, "1"],
      [90, "2"],
      [120, "1"],
      [150, "2"],
    ],
    ["1→2"],
  ],
  [
    "an unknown version says nothing",
    [
      [0, "1"],
      [5, ""],
    ],
    [],
  ],
])("%s", (_, sightings, want) => {
  const shown = booksAfter(sightings)
    .list()
    .map(({ previousVersion, version }) => `${previousVersion}→${version}`);
  expect(shown).toEqual(want);
});

test("a mark and its detection are one deployment, with both facts", () => {
  const book = booksAfter([[0, "1"]]);
  book.mark({ service: "checkout", environment: "prod", version: "2", atMs: 10_000, by: "ci" });
  book.observe("checkout", "prod", release({ version: "2" }), 11_000, 12_000);
  expect(book.list()).toMatchObject([
    { version: "2", previousVersion: "1", source: "marked", by: "ci", atMs: 10_000 },
  ]);
});

test("what was found survives a restart", () => {
  const before = booksAfter([
    [0, "1"],
    [5, "2"],
  ]);
  const after = new DeploymentBook();
  after.load(JSON.parse(JSON.stringify(before)));
  expect(after.list()).toEqual(before.list());
  expect(after.observe("checkout", "prod", release({ version: "2" }), 7_000, 7_000)).toBeUndefined();
  expect(after.currentVersion("checkout", "prod")).toBe("2");
});

test.each<[string, Partial<Release>[], string[]]>([
  [
    "another image under the same version",
    [
      { version: "1", tag: "a" },
      { version: "1", tag: "b" },
    ],
    ["1 (other image)"],
  ],
  [
    "another digest of the same tag",
    [
      { tag: "latest", digest: "aaa" },
      { tag: "latest", digest: "bbb" },
    ],
    ["latest (other image)"],
  ],
  [
    "another commit",
    [
      { version: "1", revision: "aaaaaaa" },
      { version: "1", revision: "bbbbbbb" },
    ],
    ["1 (other revision)"],
  ],
  [
    "another roll-out, as of a changed setting",
    [
      { version: "1", rollout: "5d8f" },
      { version: "1", rollout: "77aa" },
    ],
    ["1 (other rollout)"],
  ],
  [
    "all of them at once",
    [
      { version: "1", tag: "1", revision: "a" },
      { version: "2", tag: "2", revision: "b" },
    ],
    ["1 → 2"],
  ],
  ["a tag where there is no version", [{ tag: "v1" }, { tag: "v2" }], ["v1 → v2"]],
  [
    "more told of the same release",
    [{ version: "1" }, { version: "1", tag: "a" }, { tag: "a" }, { version: "1", revision: "c" }],
    [],
  ],
  ["nothing told", [{}, {}], []],
])("%s", (_, sightings, want) => {
  const book = new DeploymentBook();
  for (const [index, parts] of sightings.entries())
    book.observe("checkout", "", release(parts), index * 1_000, index * 1_000);
  expect(book.list().map(changeText)).toEqual(want);
});

test.each(["b", "shop:b", "shop:b@0123"])("a mark by its tag is the deployment of the image %s", (image) => {
  const book = new DeploymentBook();
  const of = (tag: string) => ({ ...release({ version: "1", tag }), image: tag === "b" ? image : tag });
  book.observe("checkout", "", of("a"), 0, 0);
  book.observe("checkout", "", of("b"), 10_000, 10_000);
  book.mark({ service: "checkout", environment: "", version: "b", atMs: 400_000, by: "ci" });
  expect(book.list()).toMatchObject([{ version: "1", changed: ["image"], source: "marked", by: "ci" }]);
});

test("a mark by the commit is the deployment whose commit it is", () => {
  const book = new DeploymentBook();
  book.observe("checkout", "", release({ version: "1", revision: "aaaaaaaaaa" }), 0, 0);
  book.observe("checkout", "", release({ version: "2", revision: "bbbbbbbbbb" }), 10_000, 10_000);
  book.mark({ service: "checkout", environment: "", version: "bbbbbbb", atMs: 20_000, by: "ci" });
  book.mark({ service: "checkout", environment: "", version: "bbbbbbb", atMs: 21_000, by: "ci" });
  expect(book.list()).toMatchObject([{ version: "2", previousVersion: "1", source: "marked", by: "ci" }]);
});
