const HEX: readonly string[] = Array.from({ length: 65_536 }, (_, value) =>
  value.toString(16).padStart(4, "0"),
);

/** A random trace id of 32 hexadecimal digits, never all zeros. */
export function randomTraceId(): string {
  return nonZero() + word() + word() + word();
}

/** A random span id of 16 hexadecimal digits, never all zeros. */
export function randomSpanId(): string {
  return nonZero() + word();
}

function word(): string {
  const bits = (Math.random() * 4_294_967_296) >>> 0;
  return `${HEX[bits >>> 16]}${HEX[bits & 65_535]}`;
}

function nonZero(): string {
  const bits = ((Math.random() * 4_294_967_295) >>> 0) + 1;
  return `${HEX[bits >>> 16]}${HEX[bits & 65_535]}`;
}
