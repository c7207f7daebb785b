"""The job with Celery on RabbitMQ: a task that resets, and a task that tells. Roles: enqueue | progress | clean.

`benches/peers/run` starts the workers."""

import json
import os
import secrets
import smtplib
import sys
import threading
import time
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path

import psycopg
import redis
from argon2 import PasswordHasher, Type
from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_ready
from celery.worker.consumer.delayed_delivery import DelayedDelivery
from kombu import Queue

SETTINGS = json.loads(os.environ["KEYBELL_PEER"])
PREFIX = SETTINGS["prefix"]
PROGRESS = f"{PREFIX}:progress"
# 32 characters that nobody confuses: five bits each.
ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEF234"
LENGTH = 14
TEXT = (Path(__file__).parent.parent / "mail.txt").read_text()


def tuned(name, best):
    """A knob with the value that was found best, unless `run --tune NAME=VALUE` says otherwise."""
    return type(best)(SETTINGS["tune"].get(name, best))


def queue(name):
    return Queue(
        f"{PREFIX}.{name}",
        routing_key=f"{PREFIX}.{name}",
        durable=True,
        queue_arguments={"x-queue-type": tuned("queue_type", "quorum")},
    )


app = Celery("peers", broker=SETTINGS["amqp"])
app.conf.update(
    task_queues=[queue("resets"), queue("mails")],
    task_default_queue=f"{PREFIX}.resets",
    task_default_exchange="",
    task_default_routing_key=f"{PREFIX}.resets",
    task_ignore_result=True,
    # A worker that dies gives its tasks back.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=tuned("prefetch_multiplier", 8),
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    broker_pool_limit=2,
    broker_heartbeat=0,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    worker_redirect_stdouts=False,
    worker_disable_rate_limits=True,
)


# With quorum queues Celery declares 28 queues of fixed names on the broker, for retries with a delay. They would
# outlive the comparison on a broker that others use, so they are left out. Such a retry then waits in its worker.
DelayedDelivery.include_if = lambda *_: False


class Tools:
    """What a process keeps open: made after the fork, never shared."""

    def __init__(self):
        self.hasher = PasswordHasher(
            time_cost=SETTINGS["passes"], memory_cost=SETTINGS["memory"], parallelism=1, type=Type.ID
        )
        self.progress = redis.Redis.from_url(SETTINGS["redis"])
        # One statement is one transaction.
        self.database = psycopg.connect(SETTINGS["database"], autocommit=True, prepare_threshold=0)
        self.smtp = threading.local()

    def mailer(self):
        """The SMTP connection of this thread, kept."""
        if not hasattr(self.smtp, "connection"):
            self.smtp.connection = smtplib.SMTP(SETTINGS["smtp"]["host"], SETTINGS["smtp"]["port"], timeout=30)
            self.smtp.connection.ehlo()
        return self.smtp.connection

    def forget_mailer(self):
        del self.smtp.connection


tools = None


@worker_process_init.connect
def open_tools(**_):
    global tools
    tools = Tools()
    tools.progress.ping()
    tools.hasher.hash("warm")


@worker_init.connect
def open_tools_without_fork(sender=None, **_):
    """Only the prefork pool forks; the others work in this process."""
    if "prefork" not in str(sender.pool_cls):
        open_tools()


@worker_ready.connect
def tell_ready(**_):
    print("ready", flush=True)


@app.task(name="reset", max_retries=5, autoretry_for=(psycopg.OperationalError,), retry_backoff=True)
def reset(account):
    password = "".join(ALPHABET[byte & 31] for byte in secrets.token_bytes(LENGTH))
    phc = tools.hasher.hash(password)
    row = tools.database.execute(
        "UPDATE accounts SET password_hash = %s, changed_at = now() WHERE id = %s RETURNING username, email, name",
        (phc, account),
    ).fetchone()
    if row is None:
        raise LookupError(f"there is no account {account}")
    tell.apply_async((account, *row, password), queue=f"{PREFIX}.mails")
    tools.progress.hincrby(PROGRESS, "reset", 1)


@app.task(name="tell", max_retries=5, autoretry_for=(smtplib.SMTPException, OSError), retry_backoff=True)
def tell(account, username, email, name, password):
    message = EmailMessage()
    message["From"] = "Peers District <passwords@peers.example>"
    message["To"] = email
    message["Subject"] = f"New password for your account, reset no. {account}"
    message["Message-ID"] = make_msgid(domain="peers.example")
    message.set_content(TEXT.format(name=name, username=username, password=password, account=account))
    try:
        tools.mailer().send_message(message)
    except (smtplib.SMTPServerDisconnected, OSError):
        tools.forget_mailer()
        raise
    tools.progress.hincrby(PROGRESS, "sent", 1)


def enqueue():
    """Waits for the line `go`, enqueues, and says when the first message left (seconds since 1970)."""
    with app.producer_pool.acquire(block=True) as producer:
        for declared in app.conf.task_queues:
            producer.maybe_declare(declared)
        print("ready", flush=True)
        sys.stdin.readline()
        first = time.time()
        for account in range(1, SETTINGS["accounts"] + 1):
            reset.apply_async((account,), producer=producer)
        print(json.dumps({"first": first, "last": time.time()}), flush=True)


def progress():
    values = redis.Redis.from_url(SETTINGS["redis"]).hgetall(PROGRESS)
    print(json.dumps({key.decode(): value.decode() for key, value in values.items()}))


def clean():
    redis.Redis.from_url(SETTINGS["redis"]).delete(PROGRESS)
    with app.connection_for_write() as connection:
        for declared in app.conf.task_queues:
            declared(connection.default_channel).delete()


if __name__ == "__main__":
    {"enqueue": enqueue, "progress": progress, "clean": clean}[sys.argv[1]]()
