import type { Server } from "node:net";
import { CollectorError } from "../errors.js";
import { portOwner } from "./port-owner.js";

/** An address as the configuration gives it. Port 0 is any free one. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Starts a server and tells which port it got.
 *
 * @throws {CollectorError} RECEIVE_LISTEN_FAILED when the port is taken or may not be used
 */
export async function listen(server: Server, address: Address, purpose: string): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      void listenError(error, address, purpose).then(reject);
    };
    server.once("error", fail);
    server.listen(address.port, address.host, () => {
      server.off("error", fail);
      resolve();
    });
  });
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : address.port;
}

/** Words for what keeps a server from listening. */
async function listenError(
  error: NodeJS.ErrnoException,
  address: Address,
  purpose: string,
): Promise<CollectorError> {
  const where = `${address.host}:${address.port}`;
  const reason =
    error.code === "EADDRINUSE"
      ? `${(await portOwner(address.port)) ?? "another process"} already listens there. Is a collector running? \`tocsin doctor\` tells; port 0 takes any free one`
      : error.code === "EACCES"
        ? "this user may not use that port. Take one above 1023"
        : error.code === "EADDRNOTAVAIL"
          ? "this machine has no such address"
          : error.message;
  return new CollectorError("RECEIVE_LISTEN_FAILED", `Cannot listen on ${where} for ${purpose}: ${reason}.`, {
    cause: error,
  });
}
