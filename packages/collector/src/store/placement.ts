/** FNV-1a with 32 bits. Changing it moves traces to other shards while they go on. */
const HASH_SEED = 0x811c9dc5;
const HASH_PRIME = 0x01000193;

/** Which of several shards something lies on: told by its number alone, so that it can be told in any thread. */
export class Placement {
  readonly shardCount: number;

  constructor(shardCount: number) {
    this.shardCount = shardCount;
  }

  /** Number of the shard of what a token names. */
  ofToken(token: string): number {
    let hash = HASH_SEED;
    for (let at = 0; at < token.length; at++) hash = Math.imul(hash ^ token.charCodeAt(at), HASH_PRIME);
    return (hash >>> 0) % this.shardCount;
  }

  /** Number of the shard of the trace whose id stands at a place in some bytes. */
  ofTrace(bytes: Uint8Array, traceIdAt: number): number {
    if (this.shardCount === 1) return 0;
    let hash = HASH_SEED;
    for (let at = traceIdAt; at < traceIdAt + 16; at++) hash = Math.imul(hash ^ bytes[at], HASH_PRIME);
    return (hash >>> 0) % this.shardCount;
  }
}
