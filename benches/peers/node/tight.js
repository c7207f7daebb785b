'use strict';
// The tight loop of @node-rs/argon2: as many hashes at a time as there are threads, nothing else.

const { hash } = require('./password');
const { settings } = require('./settings');

async function main() {
  await hash('warm');
  const before = process.cpuUsage();
  const start = process.hrtime.bigint();
  const end = start + BigInt(Math.round(settings.tight_seconds * 1e9));
  let hashes = 0;
  const lane = async () => {
    while (process.hrtime.bigint() < end) {
      await hash('a password');
      hashes += 1;
    }
  };
  // Two lanes for each thread keep it fed while the event loop hands out the next hash.
  await Promise.all(Array.from({ length: 2 * settings.threads }, lane));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${JSON.stringify({ hashes, seconds, cpu: (user + system) / 1e6 })}\n`);
}

main();
