import { expect, test } from "vitest";
import { parseTraceparent } from "./traceparent.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const PARSED = { traceId: TRACE, spanId: SPAN, traceFlags: 1 };

test.each([
  { header: `00-${TRACE}-${SPAN}-01`, want: PARSED },
  { header: `00-${TRACE}-${SPAN}-00`, want: { ...PARSED, traceFlags: 0 } },
  { header: `cc-${TRACE}-${SPAN}-01-what-comes-later`, want: PARSED },
  { header: `00-${TRACE}-${SPAN}-01-more`, want: undefined },
  { header: `cc-${TRACE}-${SPAN}-01.more`, want: undefined },
  { header: `ff-${TRACE}-${SPAN}-01`, want: undefined },
  { header: `00-${"0".repeat(32)}-${SPAN}-01`, want: undefined },
  { header: `00-${TRACE}-${"0".repeat(16)}-01`, want: undefined },
  { header: `00-${TRACE.toUpperCase()}-${SPAN}-01`, want: undefined },
  { header: `00-${TRACE}-${SPAN}-0`, want: undefined },
  { header: `00-${TRACE}-${SPAN}-0x`, want: undefined },
  { header: "", want: undefined },
])("$header", ({ header, want }) => {
  expect(parseTraceparent(header)).toEqual(want);
});
