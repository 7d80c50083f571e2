import { beforeEach, expect, test } from "vitest";
import { Watched } from "./watched.js";

let said: string[];
let watched: Watched;
const voice = (isDebug: boolean) => ({
  isDebug,
  info: (text: string) => void said.push(text),
  debug: (text: string) => void (isDebug && said.push(`debug: ${text}`)),
});
beforeEach(() => {
  said = [];
  watched = new Watched(voice(false));
});

test("what is missed before the line at start is left to it", () => {
  watched.noteMissed("mysql", "too old");
  expect(said).toEqual([]);
  expect([...watched.missed]).toEqual([["mysql", "too old"]]);
});

const allLoaded = () => new Promise<void>((resolve) => queueMicrotask(resolve));

test("what is missed after it is told once", async () => {
  watched.noteMissed("pg", "too old");
  watched.introduced();
  watched.noteMissed("mysql", "too old");
  watched.noteMissed("mysql", "too old");
  await allLoaded();
  expect(said).toEqual(["not mysql: too old"]);
});

test("a library of which the next file is known is not told to be missed", async () => {
  watched.introduced();
  watched.noteMissed("redis", "a part is too new");
  watched.note("redis");
  await allLoaded();
  expect(said).toEqual([]);
});

test("a library of which a part is watched is not missed, and one that is watched later no longer is", () => {
  watched.note("redis");
  watched.noteMissed("redis", "another part is too old");
  watched.noteMissed("fastify", "loaded early");
  watched.note("fastify");
  expect([...watched.missed]).toEqual([]);
  expect([...watched.patched]).toEqual(["redis", "fastify"]);
});

test("those who want to know more hear of each library as it is loaded, with its version", () => {
  watched = new Watched(voice(true));
  watched.note("http");
  watched.note("pg", { version: () => "8.13.1" });
  watched.note("pg", { version: () => "8.13.1" });
  expect(said).toEqual(["debug: watching http", "debug: watching pg 8.13.1"]);
});
