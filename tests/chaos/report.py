"""The figures of a run: what was broken, how often, what it cost, and how long it took to go on."""

import os
import platform
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from .checking import Findings
from .episode import Episode

_SHOWN = 20


class Totals:
    """Counts over all episodes of a run."""

    def __init__(self) -> None:
        self.episodes = self.sent = self.made = self.acknowledged = self.decisions = self.unanswered = 0
        self.pulled = 0
        self.events = 0
        self.faults: Counter[str] = Counter()
        self.recovery: dict[str, float] = {}
        self.findings = Findings()

    def add(self, episode: Episode, found: Findings) -> None:
        """Add an episode that was checked."""
        ledger = episode.ledger
        self.episodes += 1
        self.made += len(ledger.entries)
        self.sent += ledger.attempts
        self.acknowledged += ledger.acknowledged
        self.unanswered += ledger.failures.total()
        self.decisions += len(episode.manager.settled)
        self.pulled += sum(len(walker.copies) for walker in episode.walkers)
        self.faults.update(episode.road.fates)
        self.faults["clock of a device jumps"] += sum(walker.clock_jumps for walker in episode.walkers)
        for kind, seconds in ledger.recovery.items():
            self.recovery[kind] = max(seconds, self.recovery.get(kind, 0.0))
        for name in ("lost", "doubled", "reordered", "wrong"):
            getattr(self.findings, name).extend(getattr(found, name))
        for name in ("replayed", "repeated", "silent", "silent_recorded"):
            setattr(self.findings, name, getattr(self.findings, name) + getattr(found, name))

    def line(self) -> str:
        """One line of progress."""
        found = self.findings
        return (
            f"{self.episodes} episode{'' if self.episodes == 1 else 's'}, {self.faults.total():,} faults, "
            f"{self.acknowledged:,} operations acknowledged, "
            f"{len(found.lost)} lost, {len(found.doubled)} doubled, {len(found.reordered)} reordered, "
            f"{len(found.wrong)} wrong"
        )

    def table(self, seconds: float, disk: str) -> str:
        """Everything, as a document shows it."""
        found = self.findings
        longest = max(self.recovery.items(), key=lambda each: each[1], default=("nothing", 0.0))
        figures: Mapping[str, object] = {
            "faults injected": f"{self.faults.total():,}",
            "operations made by devices": f"{self.made:,}",
            "sent, repeats counted": f"{self.sent:,}",
            "requests that got no answer, or were told to come back": f"{self.unanswered:,}",
            "acknowledged": f"{self.acknowledged:,}",
            "**acknowledged and lost**": f"**{len(found.lost)}**",
            "**doubled**": f"**{len(found.doubled)}**",
            "**reordered**": f"**{len(found.reordered)}**",
            "**otherwise wrong**": f"**{len(found.wrong)}**",
            "sent by a device that then ended, never acknowledged": (
                f"{found.silent:,}, of them {found.silent_recorded:,} in the log, once"
            ),
            "decisions on conflicts acknowledged": f"{self.decisions:,}",
            "events in the log, each decided once more by the model": f"{found.replayed:,}",
            "operations sent once more at the end, answered as at first": f"{found.repeated:,}",
            "documents pulled by cursors, equal to the server's": f"{self.pulled:,}",
            "longest recovery": f"{longest[1]:.1f} s, {longest[0]}",
        }
        lines = [
            f"{seconds:,.0f} s on {machine()}; {self.episodes} episodes. Disk: {disk}.",
            "",
            "| figure | |",
            "| --- | ---: |",
            *(f"| {name} | {value} |" for name, value in figures.items()),
            "",
            "| fault | times | longest until the next answer |",
            "| --- | ---: | ---: |",
            *(f"| {kind} | {count:,} | {self._recovered(kind)} |" for kind, count in sorted(self.faults.items())),
        ]
        return "\n".join(lines)

    def complaints(self) -> list[str]:
        """The first sentences of each kind of finding."""
        found = self.findings
        named = {"LOST": found.lost, "DOUBLED": found.doubled, "REORDERED": found.reordered, "WRONG": found.wrong}
        return [f"{kind}: {what}" for kind, many in named.items() for what in many[:_SHOWN]]

    def _recovered(self, kind: str) -> str:
        return f"{self.recovery[kind]:.2f} s" if kind in self.recovery else ""


def machine() -> str:
    """Size of the machine: cores, memory, system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}{_processor()}"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if not described.exists():
        return ""
    names = [line.partition(":")[2].strip() for line in described.read_text().splitlines() if "model name" in line]
    return f" ({names[0]})" if names else ""
