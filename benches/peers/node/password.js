'use strict';
// A password, and its Argon2id hash from the threads of libuv (UV_THREADPOOL_SIZE = hashing threads).

const { randomBytes } = require('node:crypto');
const argon2 = require('@node-rs/argon2');
const { settings } = require('./settings');

/** 32 characters that nobody confuses: five bits of a random byte choose one, without bias. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyzABCDEF234';
const LENGTH = 14;

const COST = {
  algorithm: argon2.Algorithm.Argon2id,
  memoryCost: settings.memory,
  timeCost: settings.passes,
  parallelism: 1,
};

/** Draws a password of 70 bits. */
function draw() {
  let password = '';
  for (const byte of randomBytes(LENGTH)) password += ALPHABET[byte & 31];
  return password;
}

/** The PHC string of a password. The event loop is free meanwhile. */
function hash(password) {
  return argon2.hash(password, COST);
}

module.exports = { draw, hash };
