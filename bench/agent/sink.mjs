// Takes telemetry in any form, keeps the bodies, and counts the spans of OTLP afterwards, when it costs the run nothing.
import { createServer } from "node:http";
import { gunzipSync } from "node:zlib";

const bodies = [];
const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    bodies.push({ url: request.url, isGzip: request.headers["content-encoding"] === "gzip", parts });
    response.setHeader("content-type", "application/json");
    if (request.url === "/info") response.end('{"version":"7.60.0","endpoints":["/v0.4/traces"]}');
    else if (request.url.startsWith("/v0.")) response.end('{"rate_by_service":{"service:,env:":1}}');
    else response.end(request.url.startsWith("/v1/") ? "" : "{}");
  });
});
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
process.on("disconnect", () => process.exit());
process.on("message", () => {
  let spans = 0;
  let bytes = 0;
  for (const { url, isGzip, parts } of bodies) {
    const raw = Buffer.concat(parts);
    bytes += raw.length;
    if (url === "/v1/traces") spans += countSpans(isGzip ? gunzipSync(raw) : raw);
  }
  process.send({ spans, bytes });
});

/** Requests hold resources (1), these hold scopes (2), and these hold spans (2). */
function countSpans(body) {
  let spans = 0;
  for (const resource of fields(body, 1))
    for (const scope of fields(resource, 2)) spans += fields(scope, 2).length;
  return spans;
}

function fields(buffer, wanted) {
  const found = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = buffer[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < buffer.length) {
    const tag = varint();
    const size = varint();
    if (tag === wanted * 8 + 2) found.push(buffer.subarray(at, at + size));
    at += size;
  }
  return found;
}
