'use strict';
// The accounts in PostgreSQL.

const { Pool } = require('pg');
const { settings } = require('./settings');

const STORE = {
  // A name makes it a prepared statement, parsed once per connection.
  name: 'store',
  text: `UPDATE accounts SET password_hash = new.hash, changed_at = now()
         FROM unnest($1::bigint[], $2::text[]) AS new (id, hash)
         WHERE accounts.id = new.id
         RETURNING accounts.id, username, email, name`,
};

class Accounts {
  /** @param {number} connections how many transactions run at a time */
  constructor(connections) {
    this.pool = new Pool({ connectionString: settings.database, max: connections, min: connections });
  }

  /** Opens a connection, so that the first account does not wait for it. */
  async connect() {
    await this.pool.query('SELECT 1');
  }

  /**
   * Stores the hashes of a batch in one transaction and returns whom to tell.
   * @param {{ account: number, hash: string }[]} resets
   * @returns {Promise<Map<number, { username: string, email: string, name: string }>>}
   */
  async store(resets) {
    const values = [resets.map((one) => one.account), resets.map((one) => one.hash)];
    const { rows } = await this.pool.query({ ...STORE, values });
    return new Map(rows.map((row) => [Number(row.id), row]));
  }

  close() {
    return this.pool.end();
  }
}

module.exports = { Accounts };
