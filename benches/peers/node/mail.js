'use strict';
// The message, and the kept SMTP connections.

const { readFileSync } = require('node:fs');
const path = require('node:path');
const nodemailer = require('nodemailer');
const { settings } = require('./settings');

const TEXT = readFileSync(path.join(__dirname, '..', 'mail.txt'), 'utf8');

/** @param {number} connections how many are kept open */
function connect(connections) {
  return nodemailer.createTransport({
    host: settings.smtp.host,
    port: settings.smtp.port,
    pool: true,
    maxConnections: connections,
    maxMessages: Infinity,
    ignoreTLS: true,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** @param {{ account: number, username: string, email: string, name: string, password: string }} job */
function message(job) {
  return {
    from: 'Peers District <passwords@peers.example>',
    to: job.email,
    subject: `New password for your account, reset no. ${job.account}`,
    text: TEXT.replace(/\{(\w+)\}/g, (_, tag) => job[tag]),
  };
}

module.exports = { connect, message };
