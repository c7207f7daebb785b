"""Asks Keybell for a bulk password reset by AMQP, and waits for the answer.

    pip install -r requirements.txt
    export AMQP_URL='amqps://sis-sync:PASSWORD@broker.example.org:5671/%2F'
    python enqueue.py b.mehta c.okafor

Prints the task's id and ends with 0, or prints why the request was refused and ends with 1. Ends with 2 when nothing
can be said: then run it again with the message id that it printed. The same request with the same id is the same task.

The broker user needs the permissions of docs/amqp.md, and `keybell producer allow sis-sync`.
"""

import argparse
import json
import os
import sys
import time
import uuid

import pika
import pika.exceptions


def arguments():
    parser = argparse.ArgumentParser(description="Asks for a bulk password reset and waits for the answer.")
    parser.add_argument("accounts", nargs="+", help="usernames, roster ids or account ids")
    parser.add_argument("--reason", default="new_starters")
    parser.add_argument("--acknowledgement", default="2026-11", help="the precautions that you read (GET /v1/precautions)")
    parser.add_argument("--message-id", default=str(uuid.uuid4()), help="your own id of this request")
    parser.add_argument("--prefix", default="keybell", help="Keybell's setting broker.prefix")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for the answer")
    return parser.parse_args()


def main():
    wanted = arguments()
    parameters = pika.URLParameters(os.environ["AMQP_URL"])
    user = parameters.credentials.username
    print(f"message id {wanted.message_id}", file=sys.stderr)

    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    # From now on `basic_publish` returns when the broker has written the message down, and raises when it has not.
    channel.confirm_delivery()

    # Your own queue for your own answers, and for nothing else. It is there before the request is published, so that no
    # answer is missed; it outlives this program, so that an answer that comes later is still found.
    answers = f"{wanted.prefix}.answers.{user}"
    channel.queue_declare(answers, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(answers, f"{wanted.prefix}.events", routing_key=f"*.request.*.{user}")

    request = {
        "selection": {"scope": "selected", "accounts": wanted.accounts},
        "reason": wanted.reason,
        "acknowledgement": wanted.acknowledgement,
    }
    try:
        channel.basic_publish(
            exchange=f"{wanted.prefix}.requests",
            routing_key="request",
            body=json.dumps(request).encode(),
            properties=pika.BasicProperties(
                user_id=user,  # The broker checks it; a request without it is dropped.
                message_id=wanted.message_id,  # Sent again, it is the same task.
                content_type="application/json",
                delivery_mode=2,  # To be written to the broker's disk.
            ),
            mandatory=True,  # An error rather than silence when there is no queue.
        )
    except (pika.exceptions.UnroutableError, pika.exceptions.NackError) as error:
        print(f"the broker did not take the request: {error!r}", file=sys.stderr)
        return 2

    answer = answer_to(channel, answers, wanted.message_id, wanted.wait)
    connection.close()
    if answer is None:
        print("no answer yet; run this again with the same --message-id", file=sys.stderr)
        return 2
    body = answer["body"]
    if answer["kind"] == "request.accepted":
        print(body["task"])
        return 0
    print(f"refused: {body['code']}: {body['detail']} {', '.join(body.get('entries', []))}".rstrip())
    return 1


def answer_to(channel, queue, message_id, wait):
    """The answer to this request, or None if it does not come in time.

    Answers to earlier requests that nobody waited for are taken from the queue and left. A service would look each of
    them up by its correlation id instead. Kinds that this program does not know are none of its business.
    """
    until = time.monotonic() + wait
    for delivery, properties, body in channel.consume(queue, inactivity_timeout=1):
        if delivery is not None:
            # Answers come at least once: whoever acts on them keeps `properties.message_id` to know a repetition.
            channel.basic_ack(delivery.delivery_tag)
            event = json.loads(body)
            if properties.correlation_id == message_id and event["kind"] in ("request.accepted", "request.refused"):
                channel.cancel()
                return event
        if time.monotonic() > until:
            channel.cancel()
            return None


if __name__ == "__main__":
    sys.exit(main())
