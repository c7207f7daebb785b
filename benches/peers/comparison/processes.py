"""CPU time and memory of processes, from /proc."""

import os

TICKS = os.sysconf("SC_CLK_TCK")
# The names under which the services run. What runs elsewhere cannot be counted and is left out.
SERVICES = {"postgres": "database", "redis-server": "redis", "beam.smp": "rabbitmq"}


def _stats():
    """All processes: number to (parent, name, own seconds, seconds of ended children)."""
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            with open(f"/proc/{entry.name}/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        own = (int(fields[11]) + int(fields[12])) / TICKS
        ended = (int(fields[13]) + int(fields[14])) / TICKS
        found[int(entry.name)] = (int(fields[1]), name, own, ended)
    return found


def _root(number, roots, stats):
    """Which of the roots a process belongs to, or None."""
    seen = 0
    while number in stats and seen < 64:
        if number in roots:
            return number
        number = stats[number][0]
        seen += 1
    return None


def cpu(roots):
    """Seconds of CPU so far by group: `roots` maps process numbers to groups; the services have groups of their own.

    A process that ends between two calls is counted with its parent, so that differences stay right. What this process
    has started and what has ended since is the group `ended`.
    """
    stats = _stats()
    seconds = {"ended": stats[os.getpid()][3]}
    for number, (_, name, own, ended) in stats.items():
        root = _root(number, roots, stats)
        group = SERVICES.get(name) if root is None else roots[root]
        if group is not None:
            seconds[group] = seconds.get(group, 0.0) + own + ended
    return seconds


def difference(after, before):
    """What each group has used between two calls of `cpu`. A group that is gone counts as nothing more."""
    return {group: max(0.0, used - before.get(group, 0.0)) for group, used in after.items()}


def peak_memory(roots):
    """MiB of resident memory at the highest point, for each process below the roots: group to a list."""
    stats = _stats()
    peaks = {}
    for number in stats:
        root = _root(number, roots, stats)
        if root is None:
            continue
        try:
            with open(f"/proc/{number}/status", encoding="utf-8", errors="replace") as file:
                lines = dict(line.split(":", 1) for line in file if ":" in line)
        except OSError:
            continue
        if "VmHWM" in lines:
            peaks.setdefault(roots[root], []).append(round(int(lines["VmHWM"].split()[0]) / 1024))
    return {group: sorted(values, reverse=True) for group, values in peaks.items()}
