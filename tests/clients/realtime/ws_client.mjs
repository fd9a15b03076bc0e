// One session of the npm library `ws`: URL and token come as arguments, what was seen goes out as JSON.
import { createRequire } from "node:module";

const [folder, url, token, key] = process.argv.slice(2);
const WebSocket = createRequire(folder + "/")("ws");

const seen = { kinds: [], bytes: 0 };
const offered = ["realtime", `openai-insecure-api-key.${key}`];
const socket = new WebSocket(url + "/loopback/realtime?loopback_chunks=4", offered, {
  headers: { "cf-aig-authorization": `Bearer ${token}` },
});
socket.on("upgrade", (response) => {
  seen.extensions = response.headers["sec-websocket-extensions"] ?? null;
});
socket.on("open", () => socket.ping("are you there"));
socket.on("pong", (data) => {
  seen.pong = data.toString();
  socket.send(JSON.stringify({ type: "response.create" }));
});
socket.on("message", (data, isBinary) => {
  const event = JSON.parse(data);
  seen.kinds.push(event.type);
  if (event.type === "response.output_audio.delta") seen.bytes += Buffer.from(event.delta, "base64").length;
  if (event.type === "response.done") socket.close(4321, "enough");
});
socket.on("close", (code, reason) => {
  seen.protocol = socket.protocol;
  seen.code = code;
  seen.reason = reason.toString();
  const refused = new WebSocket(url + "/loopback/echo?loopback_refuse=429&loopback_retry_after=5", {
    headers: { "cf-aig-authorization": `Bearer ${token}` },
  });
  refused.on("unexpected-response", (request, response) => {
    let body = "";
    response.on("data", (data) => (body += data));
    response.on("end", () => {
      seen.refused = { status: response.statusCode, retry: response.headers["retry-after"], body };
      console.log(JSON.stringify(seen));
      process.exit(0);
    });
  });
});
socket.on("error", (error) => {
  console.error(error);
  process.exit(1);
});
