"""A webhook endpoint on the public standardwebhooks library: prints its port, reads a secret a line, and prints for each
call what the library says about it. Ends with its standard input."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

secret = ""
printing = threading.Lock()


def say(line):
    """One whole line at a time, also from several threads."""
    with printing:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            Webhook(secret).verify(body, headers)
            said = "accepted"
        except WebhookVerificationError:
            said = "refused"
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        kept = {name: headers.get(name, "") for name in names}
        say(json.dumps({"said": said, "headers": kept, "body": body.decode()}))
        self.send_response(204 if said == "accepted" else 400)
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
say(server.server_port)
for line in sys.stdin:
    secret = line.strip()
    say("ready")
