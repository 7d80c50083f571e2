import { expect, test } from "vitest";
import { end, SLOW, WAYS } from "./support/ends.js";

// The fast suite does two of them.
test.each(WAYS)(
  "a process that ends by $how $kill is not held up by a collector that is away",
  async (way) => {
    const seen = await end(way, "http://127.0.0.1:9", { env: SLOW });
    expect(seen).toMatchObject({ code: way.code, signal: way.signal });
    expect(seen.stderr).toContain("cannot deliver to http://127.0.0.1:9: connection refused");
  },
);
