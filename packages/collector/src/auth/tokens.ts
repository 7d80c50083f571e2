import { readFile } from "node:fs/promises";
import { messageOf } from "@tocsin/model";
import { CollectorError } from "../errors.js";
import type { TokenEntry } from "./authenticator.js";
import type { AuthConfig } from "./config.js";

/**
 * The configured tokens, those in files read.
 *
 * @throws {CollectorError} CONFIG_UNREADABLE, naming the entry, never the token
 */
export async function readTokens(config: AuthConfig): Promise<TokenEntry[]> {
  return Promise.all(
    config.tokens.map(async ({ name, token, token_file, can }) => {
      if (token) return { name, token: token.reveal(), can };
      const file = token_file ?? "";
      try {
        return { name, token: (await readFile(file, "utf8")).trim(), can };
      } catch (error) {
        throw new CollectorError(
          "CONFIG_UNREADABLE",
          `Cannot read the token of auth.tokens "${name}" from ${file}: ${messageOf(error)}.`,
          { cause: error },
        );
      }
    }),
  );
}
