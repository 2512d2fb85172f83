"""A real server behind a proxy: each client's own address is throttled, and nobody else's word on it is believed."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from app.base.settings import Settings
from labels import codes, guessing
from tests.bench.server import free_port
from tests.faults.real_server import Server, started

LOOPBACK = "127.0.0.1"
GUESSER = "203.0.113.7"


def settings(folder: Path, proxy: str) -> Settings:
    return Settings(data=folder / "data", keys=folder / "keys", port=free_port(), proxy=proxy)


def guess(server: Server, forwarded: str) -> int:
    """The answer to a made-up label code, as a proxy hands the request on."""
    address, headers = f"{server.address}/L/{codes.new_code()}", {"x-forwarded-for": forwarded}
    return httpx.get(address, headers=headers, trust_env=False).status_code


def test_behind_its_proxy_a_guesser_is_stopped_and_others_are_not(tmp_path: Path) -> None:
    with started(settings(tmp_path, LOOPBACK), tmp_path / "log") as server:
        answers = {guess(server, GUESSER) for _ in range(guessing.MOST)}
        assert answers == {404}
        assert guess(server, GUESSER) == 429
        assert guess(server, f"198.51.100.1, {GUESSER}") == 429, "what the client itself claimed counts for nothing"
        assert guess(server, f"{GUESSER}, {LOOPBACK}") == 429, "a proxy of ours in between is passed over"
        assert guess(server, f"{GUESSER}, 198.51.100.1") == 404


@pytest.mark.parametrize("proxy", ["", "192.0.2.1"])
def test_without_that_proxy_a_claimed_address_changes_nothing(tmp_path: Path, proxy: str) -> None:
    with started(settings(tmp_path, proxy), tmp_path / "log") as server:
        answers = [guess(server, f"198.51.100.{number}") for number in range(guessing.MOST + 1)]
        assert answers == [404] * guessing.MOST + [429]
