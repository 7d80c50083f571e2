import type { Socket } from "node:net";

/** The open connections to one server. */
export interface OpenTo {
  readonly address: string;
  readonly port: number;
  /** Those with a request on them. */
  active: number;
  idle: number;
}

/** The pools of `fetch` and undici, connection by connection, as their channels tell of them. */
export class OpenConnections {
  private readonly servers = new Map<string, OpenTo>();
  private readonly requests = new WeakMap<Socket, { readonly to: OpenTo; count: number }>();

  opened(socket: Socket, address: string, port: number): void {
    const key = `${address} ${port}`;
    let to = this.servers.get(key);
    if (to === undefined) {
      // A crawler talks to more servers than there should be series; the rest stays uncounted.
      if (this.servers.size >= MAX_SERVERS) return;
      to = { address, port, active: 0, idle: 0 };
      this.servers.set(key, to);
    }
    const state = { to, count: 0 };
    this.requests.set(socket, state);
    state.to.idle += 1;
    socket.once("close", () => {
      if (state.count > 0) state.to.active -= 1;
      else state.to.idle -= 1;
      this.requests.delete(socket);
      if (state.to.active + state.to.idle === 0 && this.servers.get(key) === state.to)
        this.servers.delete(key);
    });
  }

  /** A request goes out on the connection. */
  busy(socket: Socket): void {
    const state = this.requests.get(socket);
    if (state === undefined) return;
    if (state.count++ === 0) {
      state.to.idle -= 1;
      state.to.active += 1;
    }
  }

  /** A request on the connection is over. */
  free(socket: Socket): void {
    const state = this.requests.get(socket);
    if (state === undefined || state.count === 0) return;
    if (--state.count === 0) {
      state.to.active -= 1;
      state.to.idle += 1;
    }
  }

  [Symbol.iterator](): Iterator<OpenTo> {
    return this.servers.values();
  }
}

const MAX_SERVERS = 100;
