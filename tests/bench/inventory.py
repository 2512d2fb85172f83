"""What the stock room costs: ``python -m tests.bench.inventory [--json] [--rounds N]``.

All figures side by side in one run: resolving a label and receiving against their yardsticks (``tests.bench.serve``);
levels of 41 stations × 500 items after 10,000 and after 1,000,000 movements, with a commit before every reading, so
that nothing kept of the last one answers for it; ``nuanxin check`` of the million; search in the catalogue.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.base.clock import Clock
from app.base.db import SqliteDatabase
from app.base.permissions import SYSTEM
from app.base.settings import Settings, environment_of
from inventory import ledger
from inventory.ledger import Spot
from inventory.models import Holding, Place, PlaceKind
from inventory.stock import levels
from tests.bench import catalogue_search, goods_list, serve
from tests.bench.stock_store import TODAY, fill, percentile

FEW, MANY = 10_000, 1_000_000
READINGS = 60
PARTS = ["serve", "levels", "check", "catalogue", "import"]
GOALS = {
    "resolve_cpu_vs_bare": "<= 2",
    "receive_cpu_vs_one_row": "<= 3",
    "levels_growth": "<= 1.3",
    "levels_p95_ms": "<= 50",
    "import_20k_s": "<= 10",
    "intake_p99_during_import": "<= 2",
    "search_20k_p95_ms": "<= 50",
    "check_movements_per_s": ">= 100000",
    "check_mb": "<= 300",
}


def main() -> None:
    """Run the bench and print its table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=PARTS, action="append")
    given = options.parse_args()
    parts = given.only or PARTS
    with tempfile.TemporaryDirectory(prefix="nuanxin-bench-") as folder:
        figures = measured(Path(folder), given.rounds, parts)
    print(f"{'figure':28}{'measured':>12}{'goal':>12}")
    for name, goal in GOALS.items():
        print(f"{name:28}{figures.get(name, '-'):>12}{goal:>12}")
    print({name: value for name, value in figures.items() if name not in GOALS})
    if given.json:
        print(json.dumps(figures))


def measured(folder: Path, rounds: int, parts: list[str]) -> dict[str, Any]:
    """The figures of the parts asked for."""
    figures: dict[str, Any] = {}
    if "levels" in parts or "check" in parts:
        few, many = (fill(folder / str(movements), movements) for movements in (FEW, MANY))
        if "levels" in parts:
            figures |= of_levels(few, many, rounds)
        if "check" in parts:
            figures |= of_check(many)
    if "catalogue" in parts:
        figures["search_20k_p95_ms"] = round(catalogue_search.search_20k(), 1)
    if "serve" in parts:
        (folder / "serve").mkdir()
        with serve.standing(folder / "serve") as stand:
            served = serve.measured(stand, rounds)
        figures |= {name: value for name, value in served.items() if name in GOALS or "cpu_us" in name}
    if "import" in parts:
        (folder / "import").mkdir()
        with serve.standing(folder / "import") as stand:
            figures |= goods_list.measured(stand)
    return figures


def of_levels(few: Settings, many: Settings, rounds: int) -> dict[str, Any]:
    """The 95th percentile of reading all levels, the short history and the long one in turns."""
    stores = [SqliteDatabase(settings.sqlite_file) for settings in (few, many)]
    gc.collect()
    gc.freeze()  # what the served application does once it stands
    try:
        for db in stores:
            _levels_ms(db, 5)
        pairs = [[_levels_ms(db, READINGS) for db in stores] for _ in range(rounds)]
    finally:
        gc.unfreeze()
        for db in stores:
            db.close()
    wall = [[percentile([one for one, _ in times], 0.95) for times in pair] for pair in pairs]
    cpu = [[percentile([one for _, one in times], 0.95) for times in pair] for pair in pairs]
    return {
        "levels_growth": round(statistics.median(long / short for short, long in wall), 2),
        "levels_p95_ms": round(statistics.median(long for _, long in wall), 1),
        "levels_p95_ms_short_history": round(statistics.median(short for short, _ in wall), 1),
        "levels_p95_cpu_ms": round(statistics.median(long for _, long in cpu), 1),
        "levels_cpu_growth": round(statistics.median(long / short for short, long in cpu), 2),
    }


def _levels_ms(db: SqliteDatabase, readings: int) -> list[tuple[float, float]]:
    """(milliseconds on the clock, milliseconds of CPU) of each reading."""
    times = []
    for _ in range(readings):
        db.write_now(_touch)
        began, spent = time.perf_counter(), time.thread_time()
        found = db.read_now(levels.levels, SYSTEM, TODAY)
        times.append(((time.perf_counter() - began) * 1000, (time.thread_time() - spent) * 1000))
        if len(found.by_station) < FEW // 2 or len(found.stations) != 41:
            raise RuntimeError("the store is not the one that was asked for")
    return times


def _touch(session: Session) -> None:
    """One unit goes to a resident, as somewhere one always does."""
    row = session.execute(
        select(Holding.pack, Place.id)
        .join(Place, Place.id == Holding.place)
        .where(Holding.quantity > 0, Holding.quantity > 1, Place.kind == PlaceKind.SHELF)
        .limit(1)
    ).one()
    now = Clock("Asia/Shanghai").now()
    shelf = Spot(row.id, PlaceKind.SHELF)
    ledger.move(session, row.pack, 1, shelf, ledger.TO_RESIDENTS, "hand-over", SYSTEM, now, subject=UUID(int=9))


def of_check(settings: Settings) -> dict[str, Any]:
    """``nuanxin check`` as a process of its own: movements a second from start to end, and its peak of memory."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "check", "--json"],
        env={**os.environ, **environment_of(settings)}, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    taken = time.perf_counter() - began
    told = json.loads(done.stdout.splitlines()[-1])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if not told["ok"] or peak == before:
        raise RuntimeError("the check found faults, or was not the largest child so far")
    return {"check_movements_per_s": round(told["movements"] / taken), "check_mb": round(peak / 1024, 1)}


if __name__ == "__main__":
    main()
