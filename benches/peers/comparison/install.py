"""Installs the peers from PyPI and npm, once for each version of their lists."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent


def need(program, package):
    """Ends with a sentence when a program is not there."""
    if shutil.which(program) is None:
        sys.exit(f"{program} is missing. On Debian and Ubuntu: apt-get install {package}")


def python(cache):
    """The Python with Celery; installs it first if it is not there."""
    wanted = HERE / "celery" / "requirements.txt"
    home = cache / "python"
    if not _is_current(home, [wanted]):
        _tell(f"installing Celery into {home}")
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)], "python3-venv may be missing")
        _run([str(home / "bin" / "pip"), "install", "--quiet", "--no-deps", "-r", str(wanted)], "is PyPI reachable?")
        _note(home, [wanted])
    return home / "bin"


def node(cache):
    """The folder with the Node packages; installs them first if they are not there."""
    need("node", "nodejs")
    need("npm", "npm")
    wanted = [HERE / "node" / "package.json", HERE / "node" / "package-lock.json"]
    home = cache / "node"
    if not _is_current(home, wanted):
        _tell(f"installing BullMQ and amqplib into {home}")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        for file in wanted:
            shutil.copy(file, home)
        # No scripts: what is native comes built, as a package for each platform.
        quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        _run(["npm", "ci", "--prefix", str(home), *quiet], "is the npm registry reachable?")
        _note(home, wanted)
    return home / "node_modules"


def _digest(files):
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _is_current(home, files):
    mark = home / ".installed"
    return mark.is_file() and mark.read_text() == _digest(files)


def _note(home, files):
    (home / ".installed").write_text(_digest(files))


def _run(command, hint):
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        sys.exit(f"`{' '.join(command)}` failed: {hint}")


def _tell(text):
    print(text, file=sys.stderr, flush=True)
