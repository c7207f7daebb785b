"""How each peer is started."""

import json
import os
import subprocess

from .install import HERE


class Peer:
    """A peer's processes. `settings` is what they are told, see `node/settings.js`."""

    def __init__(self, name, settings):
        self.name = name
        self.settings = settings

    def workers(self):
        """What waits for work: (group, command) for each process."""
        raise NotImplementedError

    def role(self, word):
        """The command of a role that ends by itself: enqueue, progress, clean, tight."""
        raise NotImplementedError

    def folder(self):
        return HERE

    def environment(self):
        return {**os.environ, "KEYBELL_PEER": json.dumps(self.settings)}

    def start(self, command):
        """Starts a process that says `ready` on its standard output; complaints go to ours."""
        return subprocess.Popen(
            command,
            cwd=self.folder(),
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, word):
        """Runs a role to its end and returns the JSON that it prints, or None."""
        done = subprocess.run(
            self.role(word), cwd=self.folder(), env=self.environment(), stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout) if done.stdout.strip() else None


class Celery(Peer):
    def __init__(self, settings, programs):
        super().__init__("celery", settings)
        self.programs = programs

    def folder(self):
        return HERE / "celery"

    def workers(self):
        tune = self.settings["tune"]
        hashing = tune.get("processes", self.settings["threads"])
        return [
            ("reset", self._worker("resets", tune.get("pool", "prefork"), hashing)),
            # Nothing to spread over cores: without a pool a task costs no way through a pipe.
            ("mail", self._worker("mails", tune.get("mail_pool", "solo"), tune.get("mail_concurrency", 1))),
        ]

    def environment(self):
        return {**super().environment(), "PYTHONWARNINGS": "ignore:You're running the worker with superuser"}

    def _worker(self, queue, pool, concurrency):
        return [
            *(str(self.programs / "celery"), "-q", "-A", "peer", "worker", "-n", f"{queue}-{os.getpid()}@%h"),
            *("-Q", f"{self.settings['prefix']}.{queue}", "-P", pool, "-c", str(concurrency), "-O", "fair"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING"),
        ]

    def role(self, word):
        return [str(self.programs / "python"), "tight.py" if word == "tight" else "peer.py", word]


class Node(Peer):
    def __init__(self, name, settings, packages):
        super().__init__(name, settings)
        self.packages = packages

    def environment(self):
        threads = str(self.settings["threads"])
        more = {"NODE_PATH": str(self.packages), "NODE_ENV": "production", "UV_THREADPOOL_SIZE": threads}
        return {**super().environment(), **more}

    def workers(self):
        tune = self.settings["tune"]
        resets = [("reset", self.role("reset"))] * int(tune.get("reset_processes", 1))
        return resets + [("mail", self.role("mail"))] * int(tune.get("mail_processes", 1))

    def role(self, word):
        program = "tight" if word == "tight" else self.name
        return ["node", str(HERE / "node" / f"{program}.js"), word]
