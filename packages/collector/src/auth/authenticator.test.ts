import { expect, test } from "vitest";
import { Authenticator } from "./authenticator.js";

const auth = new Authenticator([
  { name: "shop", token: "w-1", can: ["write"] },
  { name: "ana", token: "a-1", can: ["read", "act"] },
]);

test.each([
  { header: undefined, permission: "write", want: 401 },
  { header: "Bearer nope", permission: "write", want: 401 },
  { header: "Basic dzox", permission: "write", want: 401 },
  { header: "Bearer w-1", permission: "write", want: "shop" },
  { header: "bearer  w-1", permission: "write", want: "shop" },
  { header: "Bearer w-1", permission: "read", want: 403 },
  { header: "Bearer a-1", permission: "act", want: "ana" },
] as const)("$header asking to $permission gives $want", ({ header, permission, want }) => {
  const answer = auth.authorize(header, permission);
  expect(answer.allowed ? answer.identity.name : answer.status).toBe(want);
});

test("without tokens everyone is anonymous and may do everything", () => {
  const answer = new Authenticator([]).authorize(undefined, "act");
  expect(answer.allowed && answer.identity.name).toBe("anonymous");
});
