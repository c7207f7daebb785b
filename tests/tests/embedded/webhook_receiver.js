// A webhook endpoint on the public standardwebhooks library: prints its port, reads a secret a line, and prints for each
// call what the library says about it. Ends with its standard input.
const http = require("node:http");
const readline = require("node:readline");
const { Webhook } = require("standardwebhooks");

let secret = "";

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    let said = "accepted";
    try {
      new Webhook(secret).verify(body, request.headers);
    } catch {
      said = "refused";
    }
    const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    const headers = Object.fromEntries(names.map((name) => [name, request.headers[name] ?? ""]));
    console.log(JSON.stringify({ said, headers, body }));
    response.writeHead(said === "accepted" ? 204 : 400).end();
  });
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  secret = line.trim();
  console.log("ready");
});
lines.on("close", () => process.exit(0));
