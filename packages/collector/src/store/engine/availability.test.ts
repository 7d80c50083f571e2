import { expect, test } from "vitest";
import { engineAvailability, type Machine } from "./availability.js";

const glibcLinux: Machine = { platform: "linux", arch: "x64", glibc: "2.36", hasPackage: () => true };

test("an ordinary Linux can run the engine", () => {
  expect(engineAvailability(glibcLinux)).toEqual({ available: true });
});

test("macOS needs no GNU C library", () => {
  expect(engineAvailability({ ...glibcLinux, platform: "darwin", arch: "arm64", glibc: undefined })).toEqual({
    available: true,
  });
});

test.each([
  { name: "Windows", machine: { ...glibcLinux, platform: "win32" }, reason: "platform", cure: "WSL 2" },
  { name: "musl", machine: { ...glibcLinux, glibc: undefined }, reason: "musl", cure: "node:22-slim" },
  {
    name: "another CPU",
    machine: { ...glibcLinux, arch: "riscv64" },
    reason: "platform",
    cure: "x64 or arm64",
  },
  {
    name: "an install without it",
    machine: { ...glibcLinux, hasPackage: (name: string) => name === "chdb" },
    reason: "not-installed",
    cure: "npm install chdb",
  },
])("$name is told apart and gets its cure", ({ machine, reason, cure }) => {
  const found = engineAvailability(machine);
  expect(found).toMatchObject({ available: false, reason });
  expect(found.available ? "" : found.cure).toContain(cure);
  expect(found.available ? "" : found.cure).toContain("store: none");
});
