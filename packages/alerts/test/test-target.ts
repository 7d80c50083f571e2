import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as a target saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

/** How the target answers. Without a status it never answers, which is how a timeout looks from outside. */
export interface TargetAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sent as it is, instead of JSON. */
  readonly text?: string;
}

/** A real HTTP server on any free port of the loopback address, that remembers what it was asked. For tests. */
export interface TestTarget extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Decides every answer from now on. */
  answer: (request: SeenRequest) => TargetAnswer;
}

export async function startTestTarget(
  answer: (request: SeenRequest) => TargetAnswer = () => ({ status: 200, body: { ok: true } }),
): Promise<TestTarget> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy());
  });
  const target = { url: "", requests, answer, [Symbol.asyncDispose]: close };
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
    const { method = "", url: path = "" } = request;
    const headers = Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, v?.toString()]));
    const seen = { method, path, headers, body: parsed(text) };
    requests.push(seen);
    const { status, headers: answerHeaders, body, text: plain } = target.answer(seen);
    if (status === undefined) return;
    response.writeHead(status, { "content-type": "application/json", ...answerHeaders });
    response.end(plain ?? (body === undefined ? "" : JSON.stringify(body)));
  }
  async function close(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  target.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return target;
}

/** JSON as its value, a form as it is. */
function parsed(text: string): unknown {
  if (text === "") return undefined;
  return /^[[{"]/.test(text) ? (JSON.parse(text) as unknown) : text;
}
