'use strict';
// Work that arrives one by one and is cheaper together: what comes while a batch is on its way makes the next one.
// Nothing waits for a timer, so an idle worker answers at once and a busy one has full batches.

class Batches {
  /**
   * @param {(items: any[]) => Promise<void>} run does a batch; when it fails, everything in it has failed
   * @param {{ most: number, atOnce: number }} limits the size of a batch, and how many run at a time
   */
  constructor(run, { most, atOnce }) {
    this.run = run;
    this.most = most;
    this.atOnce = atOnce;
    this.waiting = [];
    this.running = 0;
    this.planned = false;
  }

  /** Resolves when the batch with this item is done. */
  add(item) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.plan();
    });
  }

  plan() {
    if (this.planned || this.running >= this.atOnce || this.waiting.length === 0) return;
    this.planned = true;
    setImmediate(() => {
      this.planned = false;
      this.start();
    });
  }

  async start() {
    const batch = this.waiting.splice(0, this.most);
    if (batch.length === 0) return;
    this.running += 1;
    this.plan();
    try {
      await this.run(batch.map((entry) => entry.item));
      for (const entry of batch) entry.resolve();
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    } finally {
      this.running -= 1;
      this.plan();
    }
  }
}

module.exports = { Batches };
