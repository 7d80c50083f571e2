import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import zlib from "node:zlib";
import type { Reservation } from "./admission.js";
import { Refusal } from "./refusal.js";

type Decompress = (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const gunzip: Decompress = promisify(zlib.gunzip);
const inflate: Decompress = promisify(zlib.inflate);

/** Newer versions of Node can read zstd; on others such requests are answered 415. */
const zstd = "zstdDecompress" in zlib ? promisify(zlib.zstdDecompress as typeof zlib.gunzip) : undefined;

const DECOMPRESSORS = new Map<string, Decompress>([
  ["gzip", gunzip],
  ["x-gzip", gunzip],
  ["deflate", inflate],
  ...(zstd ? [["zstd", zstd] as const] : []),
]);

/** What to put in `Accept-Encoding` of a 415. */
export const ACCEPTED_ENCODINGS = zstd ? "gzip, deflate, zstd" : "gzip, deflate";

/** How much larger than its compressed form a body may turn out before more memory is reserved for it. */
const USUAL_RATIO = 8;

/** What is reserved for a body that comes in chunks, whose size nobody told. */
const UNANNOUNCED_BYTES = 64 * 1024;

/**
 * Reads a request's body, decompressed, never holding more than `maxBytes` of it in either form. Nothing is read before
 * there is room for it.
 *
 * @param onWireBytes told how many bytes came over the wire
 * @param ownEncoding left as it is: the format's own reader undoes it
 * @throws {Refusal} too_large, media_type, malformed, overload, sender_overload, spool_full, behind, aborted
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  reservation: Reservation,
  onWireBytes: (bytes: number) => void,
  ownEncoding = "identity",
): Promise<Buffer> {
  const named = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const encoding = named === ownEncoding ? "identity" : named;
  const decompress = DECOMPRESSORS.get(encoding);
  if (decompress === undefined && encoding !== "identity" && encoding !== "") {
    throw new Refusal(
      "media_type",
      `Content-Encoding "${encoding}" is not understood. Use ${ACCEPTED_ENCODINGS} or none.`,
    );
  }
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(announced, maxBytes);
  // Unfolding is part of it: a hundred small bodies may unfold at once.
  const reserved = Math.min(
    maxBytes,
    (announced || UNANNOUNCED_BYTES) * (decompress === undefined ? 1 : 1 + USUAL_RATIO),
  );
  await reservation.admit(reserved);
  const body = await collect(request, maxBytes, reserved, reservation);
  onWireBytes(body.length);
  if (decompress === undefined) return body;
  try {
    const unfolded = await decompress(body, { maxOutputLength: maxBytes });
    const beyond = body.length + unfolded.length - Math.max(reserved, body.length);
    if (beyond > 0) reservation.add(beyond);
    return unfolded;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(undefined, maxBytes);
    throw new Refusal("malformed", `The body is not valid ${encoding} data.`, error);
  }
}

async function collect(
  request: IncomingMessage,
  maxBytes: number,
  reserved: number,
  reservation: Reservation,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(undefined, maxBytes);
      if (size > reserved) reservation.add(Math.min(chunk.length, size - reserved));
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal("aborted", "The sender broke off before its body was complete.", error);
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
}

function tooLarge(size: number | undefined, maxBytes: number): Refusal {
  const seen = size === undefined ? "The body is larger than" : `The body has ${size} bytes,`;
  return new Refusal(
    "too_large",
    `${seen} ${size === undefined ? "" : "the limit is "}${maxBytes} bytes after decompression. Send smaller batches, or raise limits.max_request_size.`,
  );
}
