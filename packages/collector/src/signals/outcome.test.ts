import { expect, test } from "vitest";
import { failureName, isFailure, type Outcome, routeName, sampledWeight } from "./outcome.js";

const NOTHING: Outcome = { httpStatus: "", rpcStatus: "", errorType: "", isSpanError: false };

test.each<[string, Partial<Outcome>, boolean]>([
  ["nothing known", {}, false],
  ["500", { httpStatus: "500" }, true],
  ["404 with its error type", { httpStatus: "404", errorType: "404" }, false],
  ["200 whose span says error", { httpStatus: "200", isSpanError: true }, true],
  ["gRPC NOT_FOUND", { rpcStatus: "5" }, false],
  ["gRPC UNAVAILABLE by number", { rpcStatus: "14" }, true],
  ["gRPC INTERNAL by name", { rpcStatus: "INTERNAL" }, true],
  ["no answer at all", { errorType: "ECONNRESET" }, true],
])("%s: failed %o → %s", (_, outcome, want) => {
  expect(isFailure({ ...NOTHING, ...outcome })).toBe(want);
});

test("a failure is called by its type, then by its status", () => {
  const names = [
    failureName({ httpStatus: "503", rpcStatus: "", errorType: "TimeoutError" }),
    failureName({ httpStatus: "503", rpcStatus: "", errorType: "" }),
    failureName({ httpStatus: "", rpcStatus: "14", errorType: "" }),
    failureName({ httpStatus: "", rpcStatus: "", errorType: "" }),
  ];
  expect(names).toEqual(["TimeoutError", "503", "14", "error"]);
});

test.each([
  ["", 1],
  ["vendor=x", 1],
  ["ot=th:0", 1],
  ["ot=th:8", 2],
  ["a=b,ot=rv:123;th:c", 4],
  ["ot=th:fd70a3d70a3d71", 100],
  ["ot=p:4", 16],
  ["ot=p:63", 1],
])("the trace state %s stands for %d requests", (traceState, weight) => {
  expect(sampledWeight(traceState)).toBeCloseTo(weight, 6);
});

test("a route is said with its method", () => {
  expect([routeName("POST", "/pay"), routeName("GET", ""), routeName("", "orders")]).toEqual([
    "POST /pay",
    "GET",
    "orders",
  ]);
});
