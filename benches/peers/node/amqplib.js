'use strict';
// The job with amqplib on RabbitMQ. Roles: reset | mail | enqueue | progress | clean.

const amqp = require('amqplib');
const { Accounts } = require('./accounts');
const { Batches } = require('./batch');
const mail = require('./mail');
const password = require('./password');
const { Progress } = require('./progress');
const { settings, tuned, ready, enqueueAtGo, stopWith } = require('./settings');

const RESETS = `${settings.prefix}.resets`;
const MAILS = `${settings.prefix}.mails`;

/** A connection that ends the process when it breaks: whoever supervises it starts it again. */
async function connect() {
  const connection = await amqp.connect(settings.amqp, { noDelay: true });
  connection.on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
  return connection;
}

async function declare(channel) {
  const options = { durable: true, arguments: { 'x-queue-type': tuned('queue_type', 'quorum') } };
  await channel.assertQueue(RESETS, options);
  await channel.assertQueue(MAILS, options);
}

/** Publishes persistent messages, pipelined, and resolves when the broker has confirmed all of them. */
async function publish(channel, queue, jobs) {
  const confirmed = jobs.map(
    (job) =>
      new Promise((resolve, reject) => {
        const body = Buffer.from(JSON.stringify(job));
        const answer = (error) => (error ? reject(error) : resolve());
        channel.sendToQueue(queue, body, { persistent: true, contentType: 'application/json' }, answer);
      }),
  );
  await Promise.all(confirmed);
}

/** Consumes: acknowledged after success, given back once after a failure. */
async function consume(channel, queue, prefetch, work) {
  await channel.prefetch(prefetch);
  return channel.consume(queue, (message) => {
    if (message === null) process.exit(1);
    work(JSON.parse(message.content.toString())).then(
      () => channel.ack(message),
      (error) => {
        console.error(error);
        channel.nack(message, false, !message.fields.redelivered);
      },
    );
  });
}

async function reset() {
  const atOnce = tuned('transactions', 2);
  const accounts = new Accounts(atOnce);
  const progress = new Progress();
  const connection = await connect();
  const incoming = await connection.createChannel();
  const outgoing = await connection.createConfirmChannel();
  await declare(incoming);
  const stored = new Batches(
    async (resets) => {
      const people = await accounts.store(resets);
      const jobs = resets.map(({ account, password: drawn }) => {
        const person = people.get(account);
        if (person === undefined) throw new Error(`there is no account ${account}`);
        return { account, username: person.username, email: person.email, name: person.name, password: drawn };
      });
      await publish(outgoing, MAILS, jobs);
      await progress.add('reset', resets.length);
    },
    { most: tuned('batch', 50), atOnce },
  );
  await Promise.all([accounts.connect(), progress.connect(), password.hash('warm')]);
  const { consumerTag } = await consume(incoming, RESETS, tuned('prefetch', 100), async ({ account }) => {
    const drawn = password.draw();
    await stored.add({ account, password: drawn, hash: await password.hash(drawn) });
  });
  stopWith(async () => {
    await incoming.cancel(consumerTag);
    await connection.close();
    await Promise.all([accounts.close(), progress.close()]);
  });
  ready();
}

async function send() {
  const transport = mail.connect(tuned('smtp', 4));
  const progress = new Progress();
  const connection = await connect();
  const channel = await connection.createChannel();
  await declare(channel);
  await Promise.all([progress.connect(), transport.verify()]);
  const { consumerTag } = await consume(channel, MAILS, tuned('mail_prefetch', 50), async (job) => {
    await transport.sendMail(mail.message(job));
    await progress.add('sent', 1);
  });
  stopWith(async () => {
    await channel.cancel(consumerTag);
    await connection.close();
    transport.close();
    await progress.close();
  });
  ready();
}

async function enqueue() {
  const connection = await connect();
  const channel = await connection.createConfirmChannel();
  await declare(channel);
  const bulk = tuned('bulk', 500);
  await enqueueAtGo(async () => {
    for (let from = 1; from <= settings.accounts; from += bulk) {
      const length = Math.min(bulk, settings.accounts - from + 1);
      await publish(channel, RESETS, Array.from({ length }, (_, at) => ({ account: from + at })));
    }
  });
  await connection.close();
}

async function clean() {
  const progress = new Progress();
  await progress.clear();
  await progress.close();
  const connection = await connect();
  const channel = await connection.createChannel();
  await channel.deleteQueue(RESETS);
  await channel.deleteQueue(MAILS);
  await connection.close();
}

async function report() {
  const progress = new Progress();
  process.stdout.write(`${JSON.stringify(await progress.read())}\n`);
  await progress.close();
}

const ROLES = { reset, mail: send, enqueue, clean, progress: report };
ROLES[process.argv[2]]().catch((error) => {
  console.error(error);
  process.exit(1);
});
