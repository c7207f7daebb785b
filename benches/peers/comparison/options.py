"""What the comparison is told: options, and the addresses of the services."""

import argparse
import os
import sys
from pathlib import Path

from .install import HERE

PEERS = ("celery", "bullmq", "amqplib")
# Memory in KiB and passes: what OWASP recommends for Argon2id, and so little that hashing costs nothing.
REAL = (19456, 2)
REMOVED = (8, 1)

SERVICES = ("KEYBELL_DATABASE_URL", "KEYBELL_REDIS_URL", "KEYBELL_AMQP_URL")


def read():
    """The options of this call; ends with a sentence when one makes no sense or an address is missing."""
    parser = argparse.ArgumentParser(
        prog="benches/peers/run",
        description="Runs Keybell and what people would use instead, in turn on the same services, "
        "and prints the ratios.",
        epilog="Services: KEYBELL_DATABASE_URL, KEYBELL_REDIS_URL, KEYBELL_AMQP_URL, as `scripts/services env` prints "
        "them. The peers are installed into KEYBELL_PEERS_CACHE (default: benches/peers/.cache).",
    )
    parser.add_argument("--accounts", type=_positive, default=1000, metavar="N", help="accounts in a round (1000)")
    parser.add_argument(
        "--accounts-without-hashing",
        type=_positive,
        metavar="N",
        help="the same for the rounds whose hash cost is removed (ten times --accounts)",
    )
    parser.add_argument("--rounds", type=_positive, default=5, metavar="N", help="rounds of each system (5)")
    parser.add_argument("--peers", type=_peers, default=list(PEERS), metavar="A,B", help=f"which ({','.join(PEERS)})")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--without-hashing", action="store_true", help="only with the hash cost removed (m=8, t=1)")
    which.add_argument("--with-hashing", action="store_true", help="only with the real hash parameters (m=19456, t=2)")
    parser.add_argument("--threads", type=_positive, default=_cores(), metavar="N", help="hashing threads (all cores)")
    parser.add_argument("--tight-seconds", type=float, default=2.0, metavar="S", help="length of a tight hash loop (2)")
    parser.add_argument("--no-keybell", action="store_true", help="only the peers")
    parser.add_argument("--keybell", type=Path, metavar="FILE", help="the built program (default: built with cargo)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures there")
    parser.add_argument(
        "--tune", type=_tune, action="append", default=[], metavar="KNOB=VALUE", help="try another setting of a peer"
    )
    options = parser.parse_args()
    options.tune = dict(options.tune)
    options.accounts_without_hashing = options.accounts_without_hashing or 10 * options.accounts
    options.services = _services()
    options.cache = Path(os.environ.get("KEYBELL_PEERS_CACHE") or HERE / ".cache").resolve()
    return options


def settings_of(options, cost, name, smtp_port, database):
    """What a peer's processes are told."""
    memory, passes = cost
    return {
        "accounts": options.accounts if cost == REAL else options.accounts_without_hashing,
        "memory": memory,
        "passes": passes,
        "threads": options.threads,
        "database": database,
        "redis": options.services["KEYBELL_REDIS_URL"],
        "amqp": options.services["KEYBELL_AMQP_URL"],
        "smtp": {"host": "127.0.0.1", "port": smtp_port},
        "prefix": f"keybell_peers_{os.getpid()}_{name}",
        "tight_seconds": options.tight_seconds if cost == REAL else min(options.tight_seconds, 0.5),
        "tune": options.tune,
    }


def _services():
    found = {name: os.environ.get(name, "") for name in SERVICES}
    missing = [name for name, value in found.items() if not value]
    if missing:
        sys.exit(
            f"{', '.join(missing)} not set. Name your servers there, or start some:\n"
            '  scripts/services up && eval "$(scripts/services env)"'
        )
    return found


def _cores():
    return len(os.sched_getaffinity(0))


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _peers(text):
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    return names


def _tune(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be KNOB=VALUE")
    return name, value
