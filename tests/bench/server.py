"""Starts servers of our own on loopback for a bench, as child processes that end with it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

from tests.bench.load import family


def free_port() -> int:
    """A port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(target: str, port: int, environment: dict[str, str], answers: str) -> Iterator[tuple[list[int], float]]:
    """Serve ``target`` by granian; yields (process ids, seconds from start to the first answer at ``answers``)."""
    command = [
        sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1",
        "--port", str(port), "--workers", "1", "--no-ws", "--log-level", "error", target,
    ]  # fmt: skip
    began = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        taken = _first_answer(f"http://127.0.0.1:{port}{answers}", began, process)
        yield family(process.pid), taken
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _first_answer(url: str, began: float, process: subprocess.Popen[bytes]) -> float:
    while time.perf_counter() - began < 60:
        if process.poll() is not None:
            raise RuntimeError("the server ended before it answered")
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - loopback only
                return time.perf_counter() - began
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.02)
    raise RuntimeError("the server did not answer within a minute")
