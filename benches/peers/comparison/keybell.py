"""Keybell's rounds: `keybell bench --mode cluster`, which counts for itself and has a mail sink of its own."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .install import HERE
from .options import REMOVED
from .rounds import Void

ROOT = HERE.parent.parent
# Names of its servers, as the peers' groups are called.
SERVERS = {"PostgreSQL": "database", "RabbitMQ": "rabbitmq", "Redis": "redis"}


def program(given):
    """The built program: the one that is named, or a release build."""
    if given is not None:
        if not os.access(given, os.X_OK):
            sys.exit(f"{given} is no program; give the built `keybell` to --keybell")
        return given.resolve()
    print("building keybell", file=sys.stderr, flush=True)
    if subprocess.run(["cargo", "build", "--release", "--bin", "keybell"], cwd=ROOT, check=False).returncode != 0:
        sys.exit("keybell could not be built; its compiler's words are above. --no-keybell runs the peers alone")
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve() / "release" / "keybell"


def play(built, settings):
    """Plays a round and returns the same figures as a peer's; raises `Void` when anything was not exactly N."""
    cost = (settings["memory"], settings["passes"])
    if cost == REMOVED:
        hashing = ["--without-hashing"]
    else:
        hashing = ["--memory-kib", str(cost[0]), "--passes", str(cost[1])]
    command = [
        *(str(built), "--output", "json", "bench", "--mode", "cluster", "--accounts", str(settings["accounts"])),
        *("--threads", str(settings["threads"]), "--loop-seconds", str(settings["tight_seconds"]), *hashing),
    ]
    with tempfile.TemporaryDirectory(prefix="keybell-peers-") as folder:
        # In a folder of its own, so that no configuration file lies about.
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Void(f"`keybell {' '.join(command[1:])}` ended with {done.returncode}; its own words are above")
    return _figures(json.loads(done.stdout)["runs"][0], settings["accounts"])


def _figures(run, accounts):
    counted = run["counted"]
    all_of_it = ("reset", "notified", "emails", "pupils_told")
    if counted["strangers"] or any(counted[what] != accounts for what in all_of_it):
        raise Void(f"it should be {accounts} of everything and no stranger, but it is {counted}")
    cpu, memory = {}, {}
    for process in run["processes"]:
        group = SERVERS.get(process["name"], process["name"])
        if process["cpu_ms_per_account"] is not None:
            cpu[group] = process["cpu_ms_per_account"]
        if process["peak_memory_mib"] is not None:
            memory[group] = [round(process["peak_memory_mib"])]
    return {
        "accounts": accounts,
        "seconds": run["seconds_to_last_email"],
        "accounts_per_second": run["accounts_per_second_from_submission_to_last_email"],
        "tight_loop_per_second": run["limit_hashes_per_second"],
        "cpu_ms_per_account": cpu,
        "cpu_ms_per_account_beside_hashing": run["cpu_ms_per_account_outside_hashing"],
        "peak_memory_mib": memory,
        "bench": run,
    }
