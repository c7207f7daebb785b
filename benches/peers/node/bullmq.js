'use strict';
// The job with BullMQ on Redis. Roles: reset | mail | enqueue | progress | clean.

const { Queue, Worker } = require('bullmq');
const { Accounts } = require('./accounts');
const { Batches } = require('./batch');
const mail = require('./mail');
const password = require('./password');
const { Progress } = require('./progress');
const { settings, tuned, ready, enqueueAtGo, stopWith } = require('./settings');

const { hostname, port, username, password: secret, pathname } = new URL(settings.redis);
const connection = {
  host: hostname,
  port: Number(port || 6379),
  username: username || undefined,
  password: secret || undefined,
  db: Number(pathname.slice(1) || 0),
  maxRetriesPerRequest: null,
};
const place = { connection, prefix: settings.prefix };
/** Done jobs are gone at once: a bulk reset must not fill Redis. */
const lasting = {
  removeOnComplete: true,
  removeOnFail: 1000,
  attempts: 5,
  backoff: { type: 'exponential', delay: 1000 },
};

const RESETS = 'resets';
const MAILS = 'mails';

function queue(name) {
  return new Queue(name, { ...place, defaultJobOptions: lasting });
}

async function reset() {
  const atOnce = tuned('transactions', 2);
  const accounts = new Accounts(atOnce);
  const progress = new Progress();
  const mails = queue(MAILS);
  const stored = new Batches(
    async (resets) => {
      const people = await accounts.store(resets);
      await mails.addBulk(
        resets.map(({ account, password: drawn }) => {
          const person = people.get(account);
          if (person === undefined) throw new Error(`there is no account ${account}`);
          const { username: name, email, name: called } = person;
          return { name: 'mail', data: { account, username: name, email, name: called, password: drawn } };
        }),
      );
      await progress.add('reset', resets.length);
    },
    { most: tuned('batch', 50), atOnce },
  );
  await Promise.all([accounts.connect(), progress.connect(), mails.waitUntilReady(), password.hash('warm')]);
  const worker = new Worker(
    RESETS,
    async (job) => {
      const drawn = password.draw();
      await stored.add({ account: job.data.account, password: drawn, hash: await password.hash(drawn) });
    },
    { ...place, concurrency: tuned('concurrency', 50) },
  );
  worker.on('error', console.error);
  worker.on('failed', (job, error) => console.error(job?.id, error));
  stopWith(async () => {
    await worker.close();
    await Promise.all([accounts.close(), mails.close(), progress.close()]);
  });
  await worker.waitUntilReady();
  ready();
}

async function send() {
  const transport = mail.connect(tuned('smtp', 4));
  const progress = new Progress();
  await Promise.all([progress.connect(), transport.verify()]);
  const worker = new Worker(
    MAILS,
    async (job) => {
      await transport.sendMail(mail.message(job.data));
      await progress.add('sent', 1);
    },
    { ...place, concurrency: tuned('mail_concurrency', 20) },
  );
  worker.on('error', console.error);
  worker.on('failed', (job, error) => console.error(job?.id, error));
  stopWith(async () => {
    await worker.close();
    transport.close();
    await progress.close();
  });
  await worker.waitUntilReady();
  ready();
}

async function enqueue() {
  const resets = queue(RESETS);
  await resets.waitUntilReady();
  const bulk = tuned('bulk', 500);
  await enqueueAtGo(async () => {
    for (let from = 1; from <= settings.accounts; from += bulk) {
      const length = Math.min(bulk, settings.accounts - from + 1);
      await resets.addBulk(Array.from({ length }, (_, at) => ({ name: 'reset', data: { account: from + at } })));
    }
  });
  await resets.close();
}

async function clean() {
  const progress = new Progress();
  await progress.clear();
  await progress.close();
  for (const name of [RESETS, MAILS]) {
    const old = queue(name);
    await old.obliterate({ force: true });
    await old.close();
  }
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
