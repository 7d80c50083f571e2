import { readFile } from "node:fs/promises";
import { messageOf } from "@tocsin/model";
import { CollectorError } from "../errors.js";

/**
 * The text of a certificate or key that the configuration names; undefined where it names none.
 *
 * @param key where it is named, such as `forward.tls`
 * @throws {CollectorError} CONFIG_UNREADABLE, naming the file; CONFIG_INVALID when it holds no PEM
 */
export async function readPemFile(file: string | undefined, key: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new CollectorError("CONFIG_UNREADABLE", `Cannot read ${file} of ${key}: ${messageOf(error)}.`, {
      cause: error,
    });
  }
  if (!text.includes("-----BEGIN ")) {
    throw new CollectorError(
      "CONFIG_INVALID",
      `${file} of ${key} is not PEM: there is no "-----BEGIN" line in it. Convert it with openssl.`,
    );
  }
  return text;
}
