import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@tocsin/model/config";
import { expect, test } from "vitest";
import { httpAuth, splitCredentials } from "./http-auth.js";

test("the password of a file is sent, and hidden in what a server says", async () => {
  const dir = await mkdtemp(join(tmpdir(), "tocsin-auth-"));
  try {
    const file = join(dir, "password");
    await writeFile(file, "open sesame\n");
    const { headers, mask } = await httpAuth({ basic_auth: { username: "me", password_file: file } });
    const pair = Buffer.from("me:open sesame").toString("base64");
    expect(headers).toEqual({ authorization: `Basic ${pair}` });
    expect(mask(`open sesame, Basic ${pair}`)).toBe("<secret>, Basic <secret>");
    await writeFile(file, "another word");
    const token = await httpAuth({ bearer_token_file: file });
    expect(token.headers).toEqual({ authorization: "Bearer another word" });
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("without credentials there is no header, and another scheme is kept", async () => {
  expect((await httpAuth({})).headers).toEqual({});
  const authorization = { type: "Token", credentials: new Secret("abcdef") };
  expect((await httpAuth({ authorization })).headers).toEqual({ authorization: "Token abcdef" });
});

test("user and password of an address become a header", () => {
  expect(splitCredentials("https://me:pass%20word@mimir/push?x=1")).toEqual({
    url: "https://mimir/push?x=1",
    headers: { authorization: `Basic ${Buffer.from("me:pass word").toString("base64")}` },
  });
  expect(splitCredentials("https://mimir/push")).toEqual({ url: "https://mimir/push", headers: {} });
});
