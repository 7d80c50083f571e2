/**
 * Names that are no plain identifiers may come in Prometheus's escaped form, since paths cannot hold them all:
 * `U__http_2e_route` is `http.route`. `_xx_` is the character with that hexadecimal code, `__` an underscore.
 *
 * @returns `name` itself where it is not a well-formed escaped name
 */
export function unescapeName(name: string): string {
  if (!name.startsWith("U__")) return name;
  const plain = name.slice(3).replace(/__|_([0-9a-fA-F]{1,6})_|_/g, (match, code: string | undefined) => {
    if (match === "__") return "_";
    const point = code === undefined ? Number.NaN : Number.parseInt(code, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : "\u0000";
  });
  return plain.includes("\u0000") ? name : plain;
}
