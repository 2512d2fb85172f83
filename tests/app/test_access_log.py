"""A real server's log names routes: no code, no invitation, no id, whatever was asked and whatever came of it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from uuid import uuid4

import httpx

from app.base.settings import Settings
from labels import codes
from tests.bench.server import free_port
from tests.faults.real_server import started

PATIENCE = 20
LAST = "POST /badge 403"
TOKEN = "n0bodysInvitationToken-7Kx2"
CODE = codes.new_code()
SUBJECT = str(uuid4())
SECRETS = (CODE, CODE.lower(), codes.shown(CODE), TOKEN, SUBJECT, "127.0.0.1 ")
ASKED = (
    ("GET", f"/L/{CODE}", "GET /L/{code} 404"),
    ("GET", f"/l/{CODE.lower()}", "GET /l/{code} 303"),
    ("GET", f"/L/{codes.shown(CODE)}", "GET /L/{code} 303"),
    ("GET", f"/L/{CODE}?from={CODE}", "GET /L/{code} 404"),
    ("HEAD", f"/L/{CODE}", "HEAD /L/{code} 404"),
    ("GET", f"/join/{TOKEN}", "GET /join/{token} 403"),
    ("GET", f"/packs/{SUBJECT}", "GET /packs/{pack} 303"),
    ("GET", f"/nowhere/{CODE}", "GET - 404"),
    ("GET", f"/LABEL{CODE}", "GET - 404"),
    ("GET", "/leaflet/med-001", "GET /leaflet/{code} 404"),
    (CODE, "/L/x", "- - 405"),
)


def said_of_all(folder: Path, level: str) -> str:
    """All that a server on loopback says while each of these is asked."""
    settings = Settings(data=folder / "data", keys=folder / "keys", port=free_port(), log_level=level)
    log = folder / "log"
    with started(settings, log) as server:
        asked(server.address)
        # A line is written just after its answer went out, and the server is killed here, not asked to end.
        until = time.monotonic() + PATIENCE
        while level == "debug" and LAST not in log.read_text("utf-8") and time.monotonic() < until:
            time.sleep(0.05)
    return log.read_text("utf-8")


def asked(address: str) -> None:
    with httpx.Client(base_url=address, trust_env=False) as browser:
        for method, path, _ in ASKED:
            browser.request(method, path)
        browser.post("/badge", data={"text": CODE}, headers={"sec-fetch-site": "same-origin"})


def test_each_request_is_told_by_its_route_and_nothing_of_its_address(tmp_path: Path) -> None:
    said = said_of_all(tmp_path, "debug")
    lines = [found[1] for found in re.finditer(r"DEBUG ([^\n]+) \d+ ms", said)]
    assert [line for line in lines if "/api/health" not in line] == [*(line for *_, line in ASKED), LAST]
    assert [secret for secret in SECRETS if secret in said] == []


def test_without_debug_no_request_is_told_at_all(tmp_path: Path) -> None:
    said = said_of_all(tmp_path, "info")
    assert [secret for secret in SECRETS if secret in said] == []
    assert "/L/" not in said
