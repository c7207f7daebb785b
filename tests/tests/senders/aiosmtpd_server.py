"""A real mail server for the tests: STARTTLS or TLS from the first byte, then AUTH, else nothing.

Usage: aiosmtpd_server.py starttls|smtps|sneak CERTIFICATE KEY
Prints its port, then a JSON line per message; ends when standard input ends. `sneak` sends one answer too many in clear
right behind its answer to STARTTLS, as somebody on the way could, and prints a line when TLS is up nevertheless.
"""

import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


class Printer:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        line = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": message["subject"],
            "message_id": message["message-id"],
            "text": message.get_content(),
            "tls": server.transport.get_extra_info("cipher") is not None,
            "user": session.auth_data,
        }
        print(json.dumps(line), flush=True)
        return "250 2.0.0 taken"


class Sneaky(Printer):
    def handle_STARTTLS(self, server, session, envelope):
        print(json.dumps({"tls": True}), flush=True)
        return True


class SneakySMTP(SMTP):
    async def push(self, status):
        if str(status).startswith("220 Ready to start TLS"):
            status += "\r\n250-sneaked\r\n250 AUTH PLAIN LOGIN"
        await super().push(status)


def authenticate(server, session, envelope, mechanism, data):
    right = data.login == b"keybell" and data.password == b"mail-secret"
    return AuthResult(success=right, handled=False, auth_data="keybell" if right else None)


async def main():
    mode, certificate, key = sys.argv[1:4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    wrapped = mode == "smtps"

    def dialogue():
        common = dict(hostname="mail.example.org", authenticator=authenticate, auth_required=True)
        if wrapped:
            # The server does not see TLS that began before it.
            return SMTP(Printer(), auth_require_tls=False, **common)
        if mode == "sneak":
            return SneakySMTP(Sneaky(), tls_context=context, require_starttls=True, **common)
        return SMTP(Printer(), tls_context=context, require_starttls=True, **common)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(dialogue, "127.0.0.1", 0, ssl=context if wrapped else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


# What goes wrong with a client is what the tests are about.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
asyncio.run(main())
