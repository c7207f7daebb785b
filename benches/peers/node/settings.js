'use strict';
// What `benches/peers/run` says to a peer: addresses, names, hash parameters. One JSON object in one variable.

const settings = JSON.parse(process.env.KEYBELL_PEER ?? 'null');
if (settings === null) {
  console.error('KEYBELL_PEER is not set: this program is started by benches/peers/run');
  process.exit(2);
}

/** A knob with the value that was found best, unless `run --tune NAME=VALUE` says otherwise. */
function tuned(name, best) {
  const value = settings.tune[name];
  if (value === undefined) return best;
  return typeof best === 'number' ? Number(value) : value;
}

/** Says that this process is connected and idle. Nothing is measured before all have said so. */
function ready() {
  process.stdout.write('ready\n');
}

/** Waits for the line `go`, enqueues, and says when the first message left (seconds since 1970). */
async function enqueueAtGo(enqueue) {
  ready();
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const first = Date.now() / 1000;
  await enqueue();
  process.stdout.write(`${JSON.stringify({ first, last: Date.now() / 1000 })}\n`);
}

/** Ends in good order at SIGTERM: takes nothing new, finishes what is in hand. */
function stopWith(close) {
  process.once('SIGTERM', () => {
    close().then(
      () => process.exit(0),
      (error) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}

module.exports = { settings, tuned, ready, enqueueAtGo, stopWith };
