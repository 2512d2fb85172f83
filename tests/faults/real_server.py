"""A real server process that tests start, kill without warning, and start again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from app.base.settings import Settings, environment_of

_START_SECONDS = 60


class Server:
    """``nuanxin serve`` in a process group of its own, so that a kill leaves none of its workers behind."""

    def __init__(self, settings: Settings, log: Path) -> None:
        self.settings, self.log = settings, log
        self.address = f"http://{settings.host}:{settings.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait for its first answer."""
        environment = {**os.environ, **environment_of(self.settings)}
        command = [sys.executable, "-m", "app.cli", "serve"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.address}/api/health", timeout=5, trust_env=False).is_success:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def kill(self) -> None:
        """kill -9 for the server and its workers; returns when the kernel has let go of the store for them."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            _wait_for(self.settings.sqlite_file.with_suffix(".lock"))


def _wait_for(lock_file: Path) -> None:
    with lock_file.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


@contextlib.contextmanager
def started(settings: Settings, log: Path) -> Iterator[Server]:
    """A running server; it is killed at the end, if it still runs."""
    server = Server(settings, log)
    try:
        server.start()
        yield server
    finally:
        server.kill()
