"""What a request costs the server: ``python -m tests.bench.serve [--json] [--rounds N]``.

Measures, side by side in one run on a demo store of 2,000 residents on SQLite: resolving a label against a bare
Litestar JSON handler; receiving a donation at 64 clients against an authenticated POST that inserts one row through
the same ``db.write``; memory; and the time from start to the first answer. CPU is the server's own (utime + stime).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from app.base.db import sqlite_engine
from app.base.settings import Settings, environment_of
from app.cli import main as nuanxin
from tests.bench import yardsticks
from tests.bench.load import Outcome, Shot, fire, rss_mb
from tests.bench.server import free_port, serving

RESIDENTS = 2_000
RESOLVES, RECEIPTS = 6_000, 3_000
CLIENTS = 64


@dataclass(frozen=True)
class Stand:
    """A served demo store: where, its processes, and what it takes to ask it."""

    port: int
    pids: list[int]
    start_s: float
    token: str
    station: str
    gtin: str
    labels: tuple[str, ...]
    office: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}


def main() -> None:
    """Run the bench and print its table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="nuanxin-bench-") as folder, standing(Path(folder)) as stand:
        figures = measured(stand, given.rounds)
    print(f"{'figure':28}{'measured':>10}{'goal':>10}")
    for name, goal in GOALS.items():
        print(f"{name:28}{figures[name]:>10}{goal:>10}")
    print({name: value for name, value in figures.items() if name not in GOALS})
    if given.json:
        print(json.dumps(figures))


GOALS = {
    "resolve_cpu_vs_bare": "<= 3",
    "receive_cpu_vs_one_row": "<= 4",
    "receive_p99_over_p50": "<= 10",
    "receive_refused": "0",
    "rss_mb": "<= 200",
    "start_s": "<= 3",
}


@contextlib.contextmanager
def standing(folder: Path) -> Iterator[Stand]:
    """Make the demo store, serve it with the one-row POST beside it, and find a label to resolve."""
    port = free_port()
    said = io.StringIO()
    wanted = ["demo", "--no-serve", "--json", "--data", str(folder / "data"), "--residents", str(RESIDENTS)]
    with contextlib.redirect_stdout(said):
        if nuanxin([*wanted, "--port", str(port)]) != 0:
            raise RuntimeError("the demo store could not be made")
    accounts = json.loads(said.getvalue().splitlines()[-1])["accounts"]
    token, office = (
        next(account["token"] for account in accounts if account["role"] == role) for role in ("volunteer", "office")
    )
    settings = Settings(data=folder / "data", keys=folder / "data-keys", base_url=f"http://127.0.0.1:{port}", port=port)
    labels, gtin = _prepared(settings)
    target = "tests.bench.yardsticks:serve"
    with serving(target, port, environment_of(settings), "/api/health") as (pids, start_s):
        stand = Stand(port, pids, start_s, token, "", gtin, labels, office)
        yield Stand(port, pids, start_s, token, _station(stand), gtin, labels, office)


def _prepared(settings: Settings) -> tuple[tuple[str, ...], str]:
    """Labels on packs, each scanned in its turn, and a known product code; makes the yardstick's table."""
    engine = sqlite_engine(settings.sqlite_file)
    with engine.begin() as connection:
        yardsticks.ROWS.create(connection)
        labels = connection.exec_driver_sql(
            "SELECT code FROM labels WHERE kind = 'pack' AND state = 'bound' ORDER BY code LIMIT 200"
        ).scalars()
        codes = tuple(labels)
        gtin = connection.exec_driver_sql(
            "SELECT gtin FROM barcodes JOIN items ON items.id = barcodes.item "
            "WHERE items.code = 'med-001' ORDER BY gtin LIMIT 1"
        ).scalar_one()
    engine.dispose()
    return codes, gtin


def _station(stand: Stand) -> str:
    from urllib.request import Request, urlopen

    asking = Request(f"http://127.0.0.1:{stand.port}/api/stations", headers=stand.headers)
    with urlopen(asking) as answer:  # noqa: S310 - loopback
        stations: list[dict[str, Any]] = json.load(answer)
        return str(stations[0]["id"])


def measured(stand: Stand, rounds: int) -> dict[str, Any]:
    """All figures, medians of ``rounds`` side by side in this run."""
    bare_port = free_port()
    rows: list[tuple[Outcome, Outcome, Outcome, Outcome]] = []
    with serving("tests.bench.yardsticks:serve_bare", bare_port, {}, "/api/yardstick") as (bare_pids, _):
        _round(stand, bare_port, bare_pids, warm=True)
        rows.extend(_round(stand, bare_port, bare_pids) for _ in range(rounds))
    resolve = statistics.median(resolved.cpu_us / bare.cpu_us for bare, resolved, _, _ in rows)
    receive = statistics.median(received.cpu_us / one.cpu_us for _, _, one, received in rows)
    return {
        "resolve_cpu_vs_bare": round(resolve, 2),
        "receive_cpu_vs_one_row": round(receive, 2),
        "receive_p99_over_p50": round(statistics.median(row[3].p99_ms / row[3].p50_ms for row in rows), 2),
        "receive_refused": sum(row[3].refused for row in rows),
        "rss_mb": round(rss_mb(stand.pids), 1),
        "start_s": round(stand.start_s, 2),
        "bare_cpu_us": round(statistics.median(row[0].cpu_us for row in rows)),
        "resolve_cpu_us": round(statistics.median(row[1].cpu_us for row in rows)),
        "one_row_cpu_us": round(statistics.median(row[2].cpu_us for row in rows)),
        "receive_cpu_us": round(statistics.median(row[3].cpu_us for row in rows)),
        "receive_per_s": round(statistics.median(row[3].per_second for row in rows)),
        "receive_p50_ms": round(statistics.median(row[3].p50_ms for row in rows), 1),
    }


def _round(
    stand: Stand, bare_port: int, bare_pids: list[int], *, warm: bool = False
) -> tuple[Outcome, Outcome, Outcome, Outcome]:
    share = 10 if warm else 1
    # The address in a label's QR, asked by somebody signed in for the whole state of what it is on.
    asking = {**stand.headers, "Accept": "application/json"}
    looks = [Shot("GET", f"/L/{code}", asking) for code in stand.labels]
    row = Shot("POST", "/api/yardstick", stand.headers, b'{"number":5}')
    serial = itertools.count()

    def gift(_number: int) -> Shot:
        # Every gift is of another batch, as gifts are: receiving makes its lot, pack and label each time.
        line = {
            "gtin": stand.gtin, "lot_number": f"B{next(serial)}", "expiry": "2029-06", "quantity": 1,
            "look": {},
        }  # fmt: skip
        body = {"key": str(uuid4()), "station": stand.station, "declared": True, "line": line}
        return Shot("POST", "/api/donations", stand.headers, msgspec.json.encode(body))

    return (
        fire(bare_port, lambda _: Shot("GET", "/api/yardstick"), RESOLVES // share, 8, bare_pids),
        fire(stand.port, lambda number: looks[number % len(looks)], RESOLVES // share, 8, stand.pids),
        fire(stand.port, lambda _: row, RECEIPTS // share, CLIENTS, stand.pids),
        fire(stand.port, gift, RECEIPTS // share, CLIENTS, stand.pids),
    )


if __name__ == "__main__":
    main()
