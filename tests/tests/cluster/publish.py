"""Publishes requests as an upstream application would, with a client that is not ours.

Usage: publish.py URL EXCHANGE, with one JSON object per line on standard input: `body` (text), and optionally
`message_id`, `user_id` and `content_type`. Ends with 0 when the broker has confirmed all of them.
"""

import json
import sys

import pika


def main():
    url, exchange = sys.argv[1:3]
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    for line in sys.stdin:
        message = json.loads(line)
        properties = pika.BasicProperties(
            content_type=message.get("content_type", "application/json"),
            message_id=message.get("message_id"),
            user_id=message.get("user_id"),
            delivery_mode=2,
        )
        # With confirms, this raises when the broker refuses or cannot route.
        channel.basic_publish(exchange, "request", message["body"].encode(), properties, mandatory=True)
    connection.close()


main()
