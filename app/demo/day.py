"""One day of the town, over HTTP, each with the own token: from the donor's hand to the door."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from rich.progress import Progress

from app.base.clock import Clock
from app.demo import counter, desk, door
from app.demo.counter import Size
from app.demo.phone import Phone
from app.demo.town import Step, Town

FULL = Size()


def play(
    address: str,
    town: Town,
    files: Path,
    seed: int,
    size: Size,
    clock: Clock,
    progress: Progress,
    say: Callable[[str], str],
) -> list[str]:
    """Play the day on the server at ``address``; returns the names of the files that were printed into ``files``."""
    files.mkdir()
    today = clock.today()

    with contextlib.closing(Phone(address)) as phone, _Tasks(progress, say) as task:
        codes = counter.print_labels(phone, town, files, task("labels", len(town.stations)))
        counter.receive(phone, town, codes, seed, size, today, task("donations", size.packs))
        counter.release(phone, town, seed, task("release"))
        desk.record(phone, town, seed, size.needs, task("needs", size.needs + desk.MORE * desk.SHOWN))
        desk.match(phone, town, task("plans", len(town.communities)))
        desk.decide(phone, town, seed, task("medic"))
        door.pack(phone, town, files, task("packing"))
        door.plan_rounds(phone, town, files, today, task("rounds", len(town.teams)))
        door.walk(phone, town, seed, clock.now, task("doors"))
    return sorted(file.name for file in files.iterdir())


class _Tasks:
    """The lines of the progress display: a new one ends the one before, whose whole was perhaps not known."""

    def __init__(self, progress: Progress, say: Callable[[str], str]) -> None:
        self.progress, self.say = progress, say

    def __enter__(self) -> _Tasks:
        return self

    def __call__(self, key: str, total: int | None = None) -> Step:
        self.end()
        task = self.progress.add_task(self.say(f"demo.progress.{key}"), total=total)
        return lambda done: self.progress.advance(task, done)

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Call every line done."""
        for task in self.progress.tasks:
            self.progress.update(task.id, total=task.completed)
