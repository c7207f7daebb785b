// Reads an AsyncAPI document with the parser of the AsyncAPI project. Prints the names of its operations; ends with 1 and the
// reasons when it is not valid. That there is a newer version of AsyncAPI is no reason.

'use strict';

const { readFileSync } = require('node:fs');
const { Parser } = require('@asyncapi/parser');

async function main() {
  const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], 'utf8'));
  const faults = diagnostics.filter(
    ({ severity, code }) => severity <= 1 || (severity === 2 && code !== 'asyncapi-latest-version'),
  );
  for (const { code, path, message } of faults) console.error(`${path.join('.')}: ${message} (${code})`);
  if (!document || faults.length > 0) process.exit(1);
  console.log(document.operations().all().map((operation) => operation.id()).sort().join(' '));
}

main();
