"""A real server process for the length of a ``with`` block, on a loopback port of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO

import httpx
import msgspec

from app.base.settings import Settings, environment_of

LOOPBACK = "127.0.0.1"
_START_SECONDS = 60
_END_SECONDS = 20
_TAIL = 2_000


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve the store by ``nuanxin serve`` in another process; yields its address. Raises RuntimeError where it fails.

    The process keeps ``base_url``, so that labels carry the address at which the store will be served afterwards.
    """
    here = msgspec.structs.replace(settings, host=LOOPBACK, port=_free_port(), tls_certificate="", tls_key="")
    with tempfile.TemporaryFile() as log:
        process = _start({**os.environ, **environment_of(here)}, log)
        try:
            address = f"http://{LOOPBACK}:{here.port}"
            _wait_for(address, process, log)
            yield address
        finally:
            _end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _start(environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """In a group of its own: a Ctrl-C must not reach it before us, and Windows can ask only a whole group to end."""
    command = [sys.executable, "-m", "app.cli", "serve"]
    if sys.platform == "win32":
        apart = subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, creationflags=apart)  # noqa: S603 - ours
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log, process_group=0)  # noqa: S603 - ours


def _wait_for(address: str, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            log.seek(0)
            told = log.read()[-_TAIL:].decode(errors="replace")
            raise RuntimeError(f"the server of the demonstration ended with {process.returncode}:\n{told}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{address}/api/health", timeout=5, trust_env=False).status_code == httpx.codes.OK:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the server of the demonstration did not answer within {_START_SECONDS} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.terminate()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
