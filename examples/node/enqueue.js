// Asks Keybell for a bulk password reset by AMQP, and waits for the answer.
//
//     npm ci
//     export AMQP_URL='amqps://sis-sync:PASSWORD@broker.example.org:5671/%2F'
//     node enqueue.js b.mehta c.okafor
//
// Prints the task's id and ends with 0, or prints why the request was refused and ends with 1. Ends with 2 when nothing
// can be said: then run it again with the message id that it printed. The same request with the same id is the same task.
//
// The broker user needs the permissions of docs/amqp.md, and `keybell producer allow sis-sync`.

'use strict';

const { randomUUID } = require('node:crypto');
const { parseArgs } = require('node:util');
const amqp = require('amqplib');

const { values: wanted, positionals: accounts } = parseArgs({
  allowPositionals: true,
  options: {
    reason: { type: 'string', default: 'new_starters' },
    // The precautions that you read (GET /v1/precautions).
    acknowledgement: { type: 'string', default: '2026-11' },
    // Your own id of this request.
    'message-id': { type: 'string', default: randomUUID() },
    // Keybell's setting broker.prefix.
    prefix: { type: 'string', default: 'keybell' },
    // Seconds to wait for the answer.
    wait: { type: 'string', default: '60' },
  },
});

async function main() {
  if (accounts.length === 0) throw new Error('name the accounts to reset: usernames, roster ids or account ids');
  const url = process.env.AMQP_URL;
  const user = decodeURIComponent(new URL(url).username);
  const messageId = wanted['message-id'];
  console.error(`message id ${messageId}`);

  const connection = await amqp.connect(url);
  connection.on('error', () => {}); // The call in hand rejects as well, and that is where it is handled.
  const channel = await connection.createConfirmChannel();
  // Without a listener, an error of the channel would end the program without a word.
  channel.on('error', (error) => console.error(`the broker says: ${error.message}`));

  // Your own queue for your own answers, and for nothing else. It is there before the request is published, so that no
  // answer is missed; it outlives this program, so that an answer that comes later is still found.
  const answers = `${wanted.prefix}.answers.${user}`;
  await channel.assertQueue(answers, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(answers, `${wanted.prefix}.events`, `*.request.*.${user}`);
  const answer = answerTo(channel, answers, messageId, Number(wanted.wait) * 1000);

  const request = {
    selection: { scope: 'selected', accounts },
    reason: wanted.reason,
    acknowledgement: wanted.acknowledgement,
  };
  let returned = false;
  channel.on('return', () => { returned = true; });
  channel.publish(`${wanted.prefix}.requests`, 'request', Buffer.from(JSON.stringify(request)), {
    userId: user, // The broker checks it; a request without it is dropped.
    messageId, // Sent again, it is the same task.
    contentType: 'application/json',
    persistent: true, // To be written to the broker's disk.
    mandatory: true, // Returned rather than lost when there is no queue.
  });
  // Resolves when the broker has written the message down, and rejects when it has not.
  await channel.waitForConfirms();
  if (returned) throw new Error('the broker has no queue for requests; is Keybell set up?');

  const event = await answer;
  await connection.close();
  if (event === null) throw new Error('no answer yet; run this again with the same --message-id');
  if (event.kind === 'request.accepted') {
    console.log(event.body.task);
    return 0;
  }
  const { code, detail, entries = [] } = event.body;
  console.log(`refused: ${code}: ${detail} ${entries.join(', ')}`.trimEnd());
  return 1;
}

// The answer to this request, or null if it does not come in time.
//
// Answers to earlier requests that nobody waited for are taken from the queue and left. A service would look each of them
// up by its correlation id instead. Kinds that this program does not know are none of its business.
async function answerTo(channel, queue, messageId, wait) {
  let found;
  const event = new Promise((resolve) => { found = resolve; });
  const timer = setTimeout(() => found(null), wait);
  channel.on('close', () => found(null));
  await channel.consume(queue, (message) => {
    if (message === null) return found(null); // The queue was deleted.
    // Answers come at least once: whoever acts on them keeps `properties.messageId` to know a repetition.
    channel.ack(message);
    const heard = JSON.parse(message.content.toString('utf8'));
    const mine = message.properties.correlationId === messageId;
    if (mine && ['request.accepted', 'request.refused'].includes(heard.kind)) found(heard);
  });
  return event.finally(() => clearTimeout(timer));
}

main().then(
  (code) => { process.exitCode = code; },
  (error) => {
    console.error(error.message);
    process.exit(2);
  },
);
