// Sends events with the official CloudEvents SDK for JavaScript, in each mode; prints one JSON line per request.
// In: {"url", "token", "structured": [event…], "binary": [event…], "batch": [event…]} on standard input.
const { readFileSync } = require("node:fs");
const { CloudEvent, CONSTANTS, HTTP, Mode, emitterFor, httpTransport } = require("cloudevents");

const told = JSON.parse(readFileSync(0, "utf8"));
const headers = { authorization: `Bearer ${told.token}` };
const send = httpTransport(told.url);

const tell = (mode, answer) => console.log(JSON.stringify({ mode, answer: JSON.parse(answer.body) }));

async function main() {
  for (const mode of [Mode.STRUCTURED, Mode.BINARY]) {
    const emit = emitterFor(send, { binding: HTTP, mode });
    for (const event of told[mode]) tell(mode, await emit(new CloudEvent(event), { headers }));
  }
  const body = JSON.stringify(told.batch.map((event) => new CloudEvent(event)));
  const type = { [CONSTANTS.HEADER_CONTENT_TYPE]: CONSTANTS.MIME_CE_BATCH };
  tell("batch", await send({ headers: type, body }, { headers }));
}

main();
