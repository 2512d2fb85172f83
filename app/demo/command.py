"""The ``demo`` command: a town of invented people that has lived through one day, ready to be looked at."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from app.base.clock import Clock
from app.base.db import StoreOwned
from app.base.i18n import Messages
from app.base.settings import Settings

if TYPE_CHECKING:
    from app.demo.counter import Size
    from app.demo.summary import Report

RESIDENTS = 2_000
MOST_RESIDENTS = 20_000
DISAGREES = 1
INTERRUPTED = 130
_HERE = Path(__file__).parent


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="where the store stands; its keys stand in DIR-keys beside it")
    add("--port", type=_between(1, 65_535), default=8000, help="where it is served afterwards (8000)")
    add("--seed", type=int, default=1, help="another number, other people and gifts (1)")
    add("--residents", type=_between(1, MOST_RESIDENTS), default=RESIDENTS, help=f"how many residents ({RESIDENTS})")
    add("--no-serve", action="store_true", help="end when the day was played")
    add("--json", action="store_true", help="one JSON object as the last line")
    add("--database", default="", metavar="postgresql://…", help="an empty PostgreSQL database instead of a file")
    add("--lan", action="store_true", help="serve the local network, with a certificate authority of its own")


def _between(low: int, high: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(f"{low} … {high}")
        return number

    return whole


def run(settings: Settings, options: Any, serve: Callable[[Settings], None], size: Size | None = None) -> int:
    """Make the demonstration or open the one that is there, tell what it came to, and serve it.

    Returns 1 where ledger or audit disagree. Raises ValueError for whatever stands in the way, with what to do.
    """
    from app.demo import making, summary  # their import is long: only this command pays for it

    words = Messages([_HERE.parent / "messages", _HERE / "messages"])
    here = wanted(settings, options)
    try:
        here, done = _made(here, options, size, words)
    except KeyboardInterrupt:
        print(f"\n{making.both(words, 'demo.interrupted')}", file=sys.stderr)
        return INTERRUPTED
    except OSError as problem:
        where, why = problem.filename or here.data, problem.strerror or type(problem).__name__
        raise ValueError(making.both(words, "demo.unwritable", where=where, why=why)) from None
    summary.tell(done, words, here.keys, sys.stdout)
    if options.json:
        print(msgspec.json.encode(done).decode(), flush=True)
    if not options.no_serve:
        _serve(here, options, serve)
    return 0 if done.ledger_ok and done.audit_ok else DISAGREES


def wanted(settings: Settings, options: Any) -> Settings:
    """The settings of the demonstration: never the data, the keys or the database of the installation itself."""
    data = (options.data or settings.data / "demo").expanduser().absolute()
    own = settings.base_url != Settings().base_url
    return msgspec.structs.replace(
        settings,
        data=data,
        keys=data.with_name(f"{data.name}-keys"),
        database=options.database,
        port=options.port,
        base_url=settings.base_url if own else f"http://127.0.0.1:{options.port}",
    )


def _made(here: Settings, options: Any, size: Size | None, words: Messages) -> tuple[Settings, Report]:
    """Look first, then make or open; the settings come back as they are to be served."""
    from app.demo import making
    from app.demo.day import FULL

    found, where = making.look(here, words), making.place_of(here)
    if found not in {making.Found.NOTHING, making.Found.DEMO}:
        raise ValueError(making.both(words, f"demo.{found}", where=where, keys=here.keys))
    if options.lan:
        from app.lan import station  # loads the certificates' library

        here = station.prepare(here, Clock(here.timezone).now())
    if not options.no_serve:
        _free(here, words)
    if found is making.Found.NOTHING:
        print(making.both(words, "demo.making", where=where), file=sys.stderr)
        return here, making.make(here, options.seed, options.residents, size or FULL, words)
    print(making.both(words, "demo.there", where=where), file=sys.stderr)
    try:
        return here, making.open_again(here)
    except StoreOwned:
        raise ValueError(making.both(words, "demo.served", where=where)) from None


def _free(here: Settings, words: Messages) -> None:
    """Say at once, not after the day, that somebody else has the port."""
    from app.demo.making import both

    with socket.socket() as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((here.host, here.port))
        except OSError:
            raise ValueError(both(words, "demo.port_taken", host=here.host, port=here.port)) from None


def _serve(here: Settings, options: Any, serve: Callable[[Settings], None]) -> None:
    if options.lan:
        from app.lan import station

        station.run(here, serve)
    else:
        serve(here)
