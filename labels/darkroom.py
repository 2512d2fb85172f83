"""A stranger's photo is opened in a process of its own, bounded in memory, time and number, and never kept."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast
from uuid import UUID

import msgspec
from anyio import to_thread

from app.base.errors import Refusal

MOST_BYTES = 8 * 1024 * 1024
AT_ONCE = 2
WAITING = 8
SECONDS = 4.0
"""On the clock, for a machine with much to do; ``reader`` bounds its processor time to less than two."""

_PROGRAM = Path(__file__).with_name("reader.py")
# Windows' libraries need their root; no other word of the server's environment is told, secrets least of all.
_TOLD = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
_LONGEST_ANSWER = 256 * 1024


class PhotoKind(Refusal):
    """Not one still picture as JPEG, PNG or WebP, whatever its name says."""

    code = "PHOTO_KIND"
    status = 422


class PhotoTooLarge(Refusal):
    """More than 8 MB, more than 25 million pixels, or more than the memory given can hold."""

    code = "PHOTO_TOO_LARGE"
    status = 413


class PhotoBroken(Refusal):
    """Cut off, damaged, or too slow to open."""

    code = "PHOTO_BROKEN"
    status = 422


class PhotosBusy(Refusal):
    """As many photos as may wait are waiting."""

    code = "PHOTOS_BUSY"
    status = 503


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """A code on a photo; ``format`` is qr_code, data_matrix, ean_13, ean_8, upc_a, upc_e, code_128 or itf."""

    text: str
    format: str


class _Answer(msgspec.Struct, frozen=True):
    codes: tuple[Seen, ...] = ()
    refused: str = ""


_REFUSALS: dict[str, type[Refusal]] = {kind.code: kind for kind in (PhotoKind, PhotoTooLarge, PhotoBroken)}


class Darkroom:
    """Opens at most ``at_once`` photos at a time while ``waiting`` more may wait; one for a process's life."""

    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, each: int = 2) -> None:
        self._places, self._each = at_once + waiting, each
        self._inside: Counter[UUID] = Counter()
        self._benches = threading.BoundedSemaphore(at_once)

    @contextmanager
    def place(self, account: UUID) -> Iterator[None]:
        """A place, taken before the photo itself is received, so that what waits is bounded too.

        An account holds at most ``each`` of them. Raises PhotosBusy.
        """
        if self._inside.total() >= self._places or self._inside[account] >= self._each:
            raise PhotosBusy(seconds=5)
        self._inside[account] += 1
        try:
            yield
        finally:
            self._inside[account] -= 1
            self._inside += Counter()  # forgets those with nothing inside

    async def develop(self, photo: bytes) -> tuple[Seen, ...]:
        """The codes on the photo, each once. Raises PhotoKind, PhotoTooLarge, PhotoBroken."""
        look(photo)
        return await to_thread.run_sync(self._in_turn, photo)

    def _in_turn(self, photo: bytes) -> tuple[Seen, ...]:
        with self._benches:
            return read(photo)


def look(photo: bytes) -> None:
    """Refuse what is no photo by its first bytes and size alone. Raises PhotoKind, PhotoTooLarge."""
    if len(photo) > MOST_BYTES:
        raise PhotoTooLarge
    webp = photo[:4] == b"RIFF" and photo[8:12] == b"WEBP"
    if not webp and not photo.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise PhotoKind


def read(photo: bytes) -> tuple[Seen, ...]:
    """The same as ``Darkroom.develop``, at once and without a look at the first bytes; blocks for up to ``SECONDS``."""
    # -I: neither the server's folder nor its environment decides what the program imports.
    program = subprocess.Popen(  # noqa: S603 - our own program, its only input is the photo
        [sys.executable, "-I", "-B", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what it says of a photo is not for a log
        env=_TOLD,
        cwd=_PROGRAM.anchor,
    )
    ending = threading.Timer(SECONDS, program.kill)
    ending.start()
    with program:
        try:
            answer = _exchange(program, photo)
        finally:
            ending.cancel()
            program.kill()
    return _understood(answer)


def _exchange(program: subprocess.Popen[bytes], photo: bytes) -> bytes:
    into, out = cast("IO[bytes]", program.stdin), cast("IO[bytes]", program.stdout)
    with suppress(BrokenPipeError):  # it ended before it had read all; its silence is the answer
        into.write(photo)
        into.close()
    return out.read(_LONGEST_ANSWER)


def _understood(answer: bytes) -> tuple[Seen, ...]:
    try:
        said = msgspec.json.decode(answer, type=_Answer)
    except msgspec.MsgspecError:
        raise PhotoBroken from None  # killed by its bounds, or no answer that it can give
    if said.refused:
        raise _REFUSALS.get(said.refused, PhotoBroken)
    return said.codes
