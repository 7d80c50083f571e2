import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { decodeTraces, hexAt, type OtlpSignal } from "../../src/otlp/index.js";

/** How the backend behaves: as it should; overloaded; cutting connections; refusing for good; taking all but one span. */
export type Mood = "well" | "overloaded" | "dying" | "refusing" | "picky";

export interface Backend {
  readonly url: string;
  mood: Mood;
  /** Ids of the spans in requests that it took. */
  readonly taken: ReadonlySet<string>;
  /** Requests answered in each mood. */
  readonly answered: ReadonlyMap<Mood, number>;
  close(): Promise<void>;
}

/** An OTLP and remote-write backend with moods. */
export async function startBackend(): Promise<Backend> {
  const taken = new Set<string>();
  const answered = new Map<Mood, number>();
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request).catch(() => undefined);
    if (!body) return;
    const { mood } = backend;
    answered.set(mood, (answered.get(mood) ?? 0) + 1);
    const signal = /^\/v1\/(traces|metrics|logs)$/.exec(request.url ?? "")?.[1] as OtlpSignal | undefined;
    if (mood === "dying") response.destroy();
    else if (mood === "overloaded") response.writeHead(503).end();
    else if (mood === "refusing") response.writeHead(400).end();
    else {
      if (signal === "traces") for (const id of spanIdsOf(gunzipSync(body))) taken.add(id);
      response.writeHead(200, { "content-type": "application/x-protobuf" });
      // partial_success { rejected: 1 }
      response.end(signal !== undefined && mood === "picky" ? Buffer.from([10, 2, 8, 1]) : undefined);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const backend: Backend = {
    url: `http://127.0.0.1:${port}`,
    mood: "well",
    taken,
    answered,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return backend;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function spanIdsOf(body: Buffer): string[] {
  const spans = decodeTraces(body);
  return Array.from({ length: spans.rowCount }, (_, row) => hexAt(spans.bytes, spans.spanId[row]!, 8));
}
