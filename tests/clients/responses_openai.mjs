// OpenAI's library for Node over a Responses socket. Folder, base URL, token and model come as arguments; what was seen
// goes out as JSON.
import { createRequire } from "node:module";

const [folder, baseURL, apiKey, model] = process.argv.slice(2);
const require = createRequire(folder + "/");
const { OpenAI } = require("openai");
const { ResponsesWS } = require("openai/resources/responses/ws");
const { ResponsesWebSocketSession } = require("openai/lib/responses/responses-websocket-session");

const seen = { types: [] };
const socket = new ResponsesWS(new OpenAI({ apiKey, baseURL }));
socket.on("error", () => {});
socket.on("event", (event) => seen.types.push(event.type));
await new Promise((opened) => socket.socket.on("open", opened));
const session = new ResponsesWebSocketSession(socket, { maxLanes: 8, maxBufferedEvents: 512, maxBufferedBytes: 1 << 22 });

const tool = { type: "function", name: "weather", strict: true, parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false } };
const lanes = [undefined, "a", "b.1"].map((name) => session.lane(name));
seen.answers = await Promise.all(
  lanes.map(async (lane, number) => {
    lane.create({ model, store: false, tools: [tool], input: `Weather ${number}?` });
    const asked = await lane.finalResponse();
    const call = asked.output.find((item) => item.type === "function_call");
    const input = [{ type: "function_call_output", call_id: call.call_id, output: `{"c":${number}}` }];
    lane.create({ model, store: false, tools: [tool], previous_response_id: asked.id, input });
    const answer = await lane.finalResponse();
    return { arguments: call.arguments, text: answer.output_text, parent: answer.previous_response_id === asked.id };
  }),
);
try {
  lanes[1].create({ model, store: false, previous_response_id: "resp_none", input: "Hello" });
  await lanes[1].finalResponse();
} catch (error) {
  seen.error = String(error.error?.code ?? error.code ?? error.message);
}
lanes[1].create({ model, input: "Hello" });
seen.after = (await lanes[1].finalResponse()).output_text;
socket.close();
console.log(JSON.stringify(seen));
