// Parses an AsyncAPI document (standard input) with the official parser; prints each error and warning, a JSON line
// each, and exits with 1 when there is no document.
const { readFileSync } = require("node:fs");
const { Parser } = require("@asyncapi/parser");

const WARNING = 1;

async function main() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
  for (const { severity, code, path, message } of diagnostics) {
    if (severity <= WARNING) console.log(JSON.stringify({ code, path: path.join("/"), message }));
  }
  process.exitCode = document ? 0 : 1;
}

main();
