"""The figures of all rounds as tables."""

from statistics import median

TITLES = {
    "real": "Real parameters: Argon2id, m = 19456 KiB, t = 2, p = 1",
    "removed": "Hash cost removed: m = 8 KiB, t = 1, p = 1",
}
KEYBELL = "keybell"


def summary(rounds):
    """The medians of a system's rounds. Keybell runs no tight loop when the cost of hashing is removed."""
    for one in rounds:
        loop = one["tight_loop_per_second"]
        one["of_own_tight_loop"] = one["accounts_per_second"] / loop if loop else None
    rates = [one["accounts_per_second"] for one in rounds]

    def middle(figure):
        known = [one[figure] for one in rounds if one[figure] is not None]
        return median(known) if known else None

    return {
        "rounds": len(rounds),
        "accounts_per_second": median(rates),
        "slowest": min(rates),
        "fastest": max(rates),
        "of_own_tight_loop": middle("of_own_tight_loop"),
        "tight_loop_per_second": middle("tight_loop_per_second"),
        "cpu_ms_per_account_beside_hashing": middle("cpu_ms_per_account_beside_hashing"),
        "peak_memory_mib": rounds[-1]["peak_memory_mib"],
    }


def ratios(rounds_of):
    """Keybell ÷ peer: the median over the rounds, each against Keybell's round of the same number, and its range."""
    own = {one["round"]: one["accounts_per_second"] for one in rounds_of.get(KEYBELL, [])}
    found = {}
    for system, rounds in rounds_of.items():
        pairs = [own[one["round"]] / one["accounts_per_second"] for one in rounds if one["round"] in own]
        if system != KEYBELL and pairs:
            found[system] = {"median": median(pairs), "least": min(pairs), "most": max(pairs)}
    return found


def render(cost, rounds_of):
    """A Markdown table of what was measured with one hash cost."""
    against = ratios(rounds_of)
    head = [
        "system",
        "accounts/s (range)",
        "÷ Keybell",
        "Keybell ÷ it (range)",
        "own hash loop, hashes/s",
        "of its loop",
        "CPU beside hashing, ms/account",
        "peak memory, MiB",
    ]
    lines = [TITLES[cost], "", _row(head), _row(["---"] * len(head))]
    for system, rounds in rounds_of.items():
        if not rounds:
            lines.append(_row([system, "no round counted", *["–"] * (len(head) - 2)]))
            continue
        figures = summary(rounds)
        ratio = against.get(system)
        same = "1" if system == KEYBELL else "–"
        lines.append(
            _row(
                [
                    system,
                    f"{figures['accounts_per_second']:.0f} ({figures['slowest']:.0f}–{figures['fastest']:.0f})",
                    f"{1 / ratio['median']:.2f}" if ratio else same,
                    f"{ratio['median']:.2f} ({ratio['least']:.2f}–{ratio['most']:.2f})" if ratio else same,
                    f"{figures['tight_loop_per_second']:.0f}" if cost == "real" else "–",
                    f"{figures['of_own_tight_loop']:.2f}" if cost == "real" else "–",
                    f"{figures['cpu_ms_per_account_beside_hashing']:.2f}",
                    _memory(figures["peak_memory_mib"]),
                ]
            )
        )
    return "\n".join(lines)


def _memory(peaks):
    """`reset 61 + 73, mail 62`"""
    shown = [group for group in peaks if group not in ("sink", "enqueue")]
    return ", ".join(f"{group} {' + '.join(str(value) for value in peaks[group])}" for group in shown)


def _row(cells):
    return f"| {' | '.join(cells)} |"
