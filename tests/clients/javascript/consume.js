// Reads topics from their beginning with kafkajs; prints one JSON line per record: its topic, key, headers, its bytes
// as text, and the event that the official CloudEvents SDK made of it.
// In: {"servers", "topics": […], "records": how many to wait for} on standard input.
const { readFileSync } = require("node:fs");
const { Kafka: KafkaBinding } = require("cloudevents");
const { Kafka, logLevel } = require("kafkajs");

const SECONDS_MAX = 30;
const told = JSON.parse(readFileSync(0, "utf8"));
const kafka = new Kafka({ brokers: [told.servers], logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: `clients-${process.pid}` });
let left = told.records;

async function eachMessage({ topic, message }) {
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, value.toString()]));
  const value = message.value.toString();
  const event = KafkaBinding.toEvent({ key: message.key.toString(), value, body: value, headers });
  console.log(JSON.stringify({ topic, key: message.key.toString(), headers, value, event }));
  left -= 1;
}

async function main() {
  await consumer.connect();
  await consumer.subscribe({ topics: told.topics, fromBeginning: true });
  await consumer.run({ eachMessage });
  const deadline = Date.now() + SECONDS_MAX * 1000;
  while (left > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  await consumer.disconnect();
}

main();
