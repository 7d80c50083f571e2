declare module "snappyjs" {
  /** @throws {Error} for bytes that are not snappy's block format, or that say to be longer than `maxLength` */
  export function uncompress(compressed: Buffer, maxLength?: number): Buffer;
  export function compress(bytes: Buffer): Buffer;
}
