"""One round of one peer: everything is up and idle, N messages are enqueued, and the last e-mail ends it."""

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from . import processes, sink
from .install import HERE

# A round in which nothing more arrives for so long is void.
STALL = 60.0
# How long a process may take to come up, or to go.
PATIENCE = 60.0


class Void(Exception):
    """A round that does not count, and why."""


class Sink:
    """The SMTP sink as a process of its own."""

    def __init__(self):
        command = [sys.executable, str(HERE / "comparison" / "sink.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.client = sink.Client(self.port)

    def stop(self):
        _stop([self.process])


def play(peer, database, mail):
    """Plays a round and returns its figures; raises `Void` when anything was not exactly N."""
    accounts = peer.settings["accounts"]
    database.fill(accounts)
    loops = [peer.ask("tight")]
    mail.client.reset()
    with _running(peer) as workers:
        roots = {worker.pid: group for group, worker in workers}
        roots[mail.process.pid] = "sink"
        producer = peer.start(peer.role("enqueue"))
        roots[producer.pid] = "enqueue"
        try:
            _await_ready("enqueue", producer)
            before = processes.cpu(roots)
            producer.stdin.write("go\n")
            producer.stdin.flush()
            enqueued = json.loads(producer.stdout.readline() or "null")
            if enqueued is None:
                raise Void("the enqueuing process ended early")
            counted = _await_mails(mail, accounts, workers)
            used = processes.difference(processes.cpu(roots), before)
        finally:
            _stop([producer])
        progress = _await_progress(peer, accounts)
        memory = processes.peak_memory(roots)
    loops.append(peer.ask("tight"))
    _check(peer, database, mail.client.report(), progress)
    return _figures(accounts, enqueued, counted, used, memory, loops)


def _figures(accounts, enqueued, counted, used, memory, loops):
    hashes = sum(loop["hashes"] for loop in loops)
    cpu_of_a_hash = sum(loop["cpu"] for loop in loops) / hashes
    seconds = counted["last"] - enqueued["first"]
    # The sink belongs to nobody; Keybell's is not in its sum, either.
    total = sum(value for group, value in used.items() if group != "sink") / accounts
    return {
        "accounts": accounts,
        "seconds": seconds,
        "accounts_per_second": accounts / seconds,
        "enqueue_per_second": accounts / max(enqueued["last"] - enqueued["first"], 1e-6),
        "octets_per_mail": counted["octets"] / accounts,
        "tight_loop_per_second": hashes / sum(loop["seconds"] for loop in loops),
        "cpu_ms_per_hash_in_tight_loop": 1000 * cpu_of_a_hash,
        "cpu_ms_per_account": {group: 1000 * value / accounts for group, value in used.items()},
        "cpu_ms_per_account_beside_hashing": 1000 * (total - cpu_of_a_hash),
        "peak_memory_mib": memory,
    }


@contextmanager
def _running(peer):
    """The peer's workers, up and idle; they are ended and their queues removed afterwards."""
    workers = []
    try:
        for group, command in peer.workers():
            workers.append((group, peer.start(command)))
        for group, worker in workers:
            _await_ready(group, worker)
        yield workers
    finally:
        _stop(worker for _, worker in workers)
        try:
            peer.ask("clean")
        except subprocess.CalledProcessError:
            print(f"{peer.name}: its queues could not be removed", file=sys.stderr)


def _await_ready(group, process):
    """Waits for the line `ready`. What a process prints besides is shown."""
    timer = threading.Timer(PATIENCE, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if line.strip() == "ready":
                return
            print(f"{group}: {line.rstrip()}", file=sys.stderr)
    finally:
        timer.cancel()
    raise Void(f"the {group} process ended or did not come up within {PATIENCE:.0f} seconds; its own words are above")


def _await_mails(mail, accounts, workers):
    """Waits until the sink has counted all of them, and returns what it says."""
    seen, since = 0, time.monotonic()
    while True:
        counted = mail.client.report()
        if counted["mails"] >= accounts:
            return counted
        for group, worker in workers:
            if worker.poll() is not None:
                raise Void(f"the {group} process ended with {worker.returncode}")
        if counted["mails"] > seen:
            seen, since = counted["mails"], time.monotonic()
        elif time.monotonic() - since > STALL:
            raise Void(f"only {seen} of {accounts} e-mails came, and none for {STALL:.0f} seconds")
        time.sleep(0.05)


def _await_progress(peer, accounts):
    """After the last e-mail come counters and acknowledgements: waits for them, and returns the counters."""
    give_up = time.monotonic() + 10.0
    while True:
        progress = {name: int(value) for name, value in peer.ask("progress").items()}
        if (progress.get("reset") == accounts == progress.get("sent")) or time.monotonic() > give_up:
            return progress


def _check(peer, database, counted, progress):
    accounts = peer.settings["accounts"]
    found = {
        "e-mails": counted["mails"],
        "recipients": counted["distinct"],
        "hashes in the database": database.hashes(peer.settings["memory"], peer.settings["passes"]),
        "resets by its own counter": progress.get("reset", 0),
        "e-mails by its own counter": progress.get("sent", 0),
    }
    wrong = [f"{what}: {count}" for what, count in found.items() if count != accounts]
    if wrong:
        raise Void(f"it should be {accounts} of everything, but {', '.join(wrong)}")


def _stop(started):
    """Ends processes in good order, or at last not so."""
    started = list(started)
    for process in started:
        if process.poll() is None:
            process.terminate()
    for process in started:
        try:
            process.wait(PATIENCE / 3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
