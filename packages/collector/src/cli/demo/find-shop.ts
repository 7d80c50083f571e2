import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The example that the demo runs: the file to start, and its configuration. */
export interface Shop {
  readonly main: string;
  readonly config: string;
}

/**
 * Finds `examples/shop` in the repository that this file belongs to. The published package carries no examples.
 *
 * @returns what is wrong and what to do, when it cannot be run
 */
export function findShop(repository: URL = new URL("../../../../../", import.meta.url)): Shop | string {
  const config = fileURLToPath(new URL("examples/shop/tocsin.yaml", repository));
  const main = fileURLToPath(new URL("examples/shop/dist/main.js", repository));
  if (!existsSync(config)) {
    return (
      "The demo runs the shop of Tocsin's repository, which the published package does not carry. " +
      "Clone the repository and run `npm start` there; or run `tocsin up` and start your own service with " +
      "`node --import @tocsin/agent/register server.js`."
    );
  }
  if (!existsSync(main)) return "The shop is not built. Run `npm run build` in the root of the repository.";
  return { main, config };
}
