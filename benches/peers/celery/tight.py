"""The tight loop of argon2-cffi: one process for each hashing thread, nothing else."""

import json
import multiprocessing
import os
import time

from argon2 import PasswordHasher, Type

SETTINGS = json.loads(os.environ["KEYBELL_PEER"])


def loop(answers):
    """Hashes for the time that is asked for, and says how often, in how many seconds, with how much CPU."""
    hasher = PasswordHasher(
        time_cost=SETTINGS["passes"], memory_cost=SETTINGS["memory"], parallelism=1, type=Type.ID
    )
    hasher.hash("warm")
    hashes, cpu, start = 0, time.process_time(), time.monotonic()
    while time.monotonic() - start < SETTINGS["tight_seconds"]:
        hasher.hash("a password")
        hashes += 1
    answers.put((hashes, time.monotonic() - start, time.process_time() - cpu))


def main():
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    for _ in range(SETTINGS["threads"]):
        context.Process(target=loop, args=(answers,)).start()
    parts = [answers.get() for _ in range(SETTINGS["threads"])]
    total = {
        "hashes": sum(part[0] for part in parts),
        "seconds": max(part[1] for part in parts),
        "cpu": sum(part[2] for part in parts),
    }
    print(json.dumps(total))


if __name__ == "__main__":
    main()
