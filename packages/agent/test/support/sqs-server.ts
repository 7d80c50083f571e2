import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What of SQS's JSON protocol the sending of one message needs. */
export async function startSqs(): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part) => {
      text += part;
    });
    request.on("end", () => {
      const { MessageBody } = JSON.parse(text) as { MessageBody: string };
      response.setHeader("content-type", "application/x-amz-json-1.0");
      response.end(
        JSON.stringify({
          MessageId: "m-1",
          MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex"),
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
