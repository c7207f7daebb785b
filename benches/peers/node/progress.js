'use strict';
// How far the task is, in a hash of Redis: `reset` and `sent`.

const Redis = require('ioredis');
const { settings } = require('./settings');

const KEY = `${settings.prefix}:progress`;

class Progress {
  constructor() {
    // What one turn of the event loop counts goes out in one pipeline.
    this.redis = new Redis(settings.redis, { enableAutoPipelining: true });
  }

  async connect() {
    await this.redis.ping();
  }

  /** @param {'reset' | 'sent'} what @param {number} by */
  add(what, by) {
    return this.redis.hincrby(KEY, what, by);
  }

  read() {
    return this.redis.hgetall(KEY);
  }

  clear() {
    return this.redis.del(KEY);
  }

  close() {
    return this.redis.quit();
  }
}

module.exports = { Progress };
