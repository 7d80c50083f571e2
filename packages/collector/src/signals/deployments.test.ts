import { expect, test } from "vitest";
import { DeploymentBook } from "./deployments.js";

function booksAfter(sightings: readonly (readonly [seconds: number, version: string])[]): DeploymentBook {
  const book = new DeploymentBook();
  for (const [seconds, version] of sightings)
    book.observe("checkout", "prod", version, seconds * 1_000, seconds * 1_000);
  return book;
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
  book.observe("checkout", "prod", "2", 11_000, 12_000);
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
  expect(after.observe("checkout", "prod", "2", 7_000, 7_000)).toBeUndefined();
  expect(after.currentVersion("checkout", "prod")).toBe("2");
});
