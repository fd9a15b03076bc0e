// OpenAI's Agents SDK for JavaScript over its WebSocket transport. Folder, base URL, token and model come as arguments;
// what was seen goes out as JSON.
import { createRequire } from "node:module";

const [folder, baseURL, apiKey, model] = process.argv.slice(2);
const require = createRequire(folder + "/");
globalThis.WebSocket ??= require("ws"); // Node has one of its own from 22 on
const { Agent, Runner, tool } = require("@openai/agents");
const { OpenAIProvider } = require("@openai/agents-openai");

const weather = tool({
  name: "weather",
  description: "Current weather",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false },
  strict: true,
  execute: async ({ city }) => `4 degrees in ${city}`,
});
const modelProvider = new OpenAIProvider({ apiKey, baseURL, useResponses: true, useResponsesWebSocket: true });
const runner = new Runner({ modelProvider, tracingDisabled: true });
const seen = {};

const tooled = new Agent({ name: "a", instructions: "Be brief.", model, tools: [weather] });
seen.tool = (await runner.run(tooled, "Weather in Turku?")).finalOutput;
const streamed = await runner.run(tooled, "Weather in Turku?", { stream: true });
seen.events = 0;
for await (const event of streamed) seen.events += 1;
await streamed.completed;
seen.streamed = streamed.finalOutput;

const plain = new Agent({ name: "b", model, modelSettings: { store: false } });
const first = await runner.run(plain, "Hello");
const second = await runner.run(plain, "Again", { previousResponseId: first.lastResponseId });
seen.turns = [first.finalOutput, second.finalOutput];
try {
  await runner.run(plain, "fail");
} catch (error) {
  seen.error = String(error.message);
}
seen.after = (await runner.run(plain, "Hello")).finalOutput;
await modelProvider.close();
console.log(JSON.stringify(seen));
process.exit(0);
