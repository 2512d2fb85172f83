"""What the import of a goods list costs those at the counter: ``python -m tests.bench.goods_list``.

A demo store is served; 20,000 rows come as an XLSX through the same ways that a person's browser takes (upload, check,
apply) while 16 clients hand in donations. Measured: seconds from the upload to the last row, and the 99th percentile of
an intake meanwhile against that of the same clients with nothing else going on, before and after, in the same run.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import msgspec
import xlsxwriter

from tests.bench import catalogue_search, serve
from tests.bench.load import Shot, paced
from tests.bench.serve import Stand

ROWS, CLIENTS, QUIET_S = 20_000, 16, 8.0
PAUSE_S = 0.1
"""What a client takes between two gifts, far less than any hand: 16 clients offer some 130 gifts a second."""
HEADINGS = ("通用名", "英文名", "规格", "批准文号", "条形码", "别名", "类别")


def goods(rows: int = ROWS) -> bytes:
    """A workbook of so many medicines with made-up names."""
    dice, data = random.Random(4), io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        sheet = book.add_worksheet("goods")
        sheet.write_row(0, 0, HEADINGS)
        for number, (name, english) in enumerate(itertools.islice(catalogue_search.names(dice), rows), 1):
            body = f"69{number:010}"
            digits = [int(digit) for digit in body]
            check = -sum(digit * (3 if at % 2 else 1) for at, digit in enumerate(digits)) % 10
            told = (f"{name}{number}", f"{english} {number}", f"{number % 9 + 1}0mg×10", f"国药准字Z{number:08}")
            sheet.write_row(number, 0, (*told, f"{body}{check}", name[:4], "药品"))
    return data.getvalue()


def measured(stand: Stand) -> dict[str, Any]:
    """``import_20k_s`` and ``intake_p99_during_import``, with what they are made of."""
    return asyncio.run(_both(stand, goods()))


async def _both(stand: Stand, data: bytes) -> dict[str, Any]:
    await paced(stand.port, _gifts(stand), CLIENTS, PAUSE_S, until=asyncio.create_task(asyncio.sleep(2.0)))
    before = await paced(stand.port, _gifts(stand), CLIENTS, PAUSE_S, until=asyncio.create_task(asyncio.sleep(QUIET_S)))
    going = asyncio.create_task(asyncio.to_thread(_imported, stand, data))
    during = await paced(stand.port, _gifts(stand), CLIENTS, PAUSE_S, until=going)
    after = await paced(stand.port, _gifts(stand), CLIENTS, PAUSE_S, until=asyncio.create_task(asyncio.sleep(QUIET_S)))
    told = await going
    refused = before.refused + during.refused + after.refused
    if refused or told["added"] != ROWS:
        raise RuntimeError(f"{refused} intakes were refused; the import told {told}")
    quiet = statistics.mean((before.p99_ms, after.p99_ms))
    return {
        "import_20k_s": round(told["seconds"], 1),
        "intake_p99_during_import": round(during.p99_ms / quiet, 2),
        "intake_quiet_p99_ms": [round(before.p99_ms, 1), round(after.p99_ms, 1)],
        "intake_p99_ms": round(during.p99_ms, 1),
        "intake_p50_ms": [round(one.p50_ms, 1) for one in (before, during, after)],
        "intake_per_s": [round(one.per_second) for one in (before, during, after)],
        "import_steps_s": told["steps"],
    }


def _gifts(stand: Stand) -> Any:
    def gift(_number: int) -> Shot:
        line = {"gtin": stand.gtin, "lot_number": f"L{uuid4().hex[:8]}", "expiry": "2029-06", "quantity": 1, "look": {}}
        body = {"key": str(uuid4()), "station": stand.station, "declared": True, "line": line}
        return Shot("POST", "/api/donations", stand.headers, msgspec.json.encode(body))

    return gift


def _imported(stand: Stand, data: bytes) -> dict[str, Any]:
    began = time.perf_counter()
    steps = []

    def step(name: str) -> None:
        steps.append((name, round(time.perf_counter() - began, 2)))

    run = _ask(stand, f"/api/catalogue/imports/{uuid4()}", data, "application/octet-stream")
    step("read")
    chosen = {"run": run["id"], "columns": run["columns"], "source": "bench"}
    _ask(stand, "/api/catalogue/imports/columns", msgspec.json.encode(chosen))
    _until(stand, run["id"], "preview")
    step("checked")
    _ask(stand, "/api/catalogue/imports/apply", msgspec.json.encode({"run": run["id"], "good_rows": False}))
    done = _until(stand, run["id"], "done")
    step("applied")
    return {"seconds": time.perf_counter() - began, "added": done["counts"].get("added", 0), "steps": steps}


def _until(stand: Stand, run: str, state: str) -> dict[str, Any]:
    for _ in range(1200):
        told = _ask(stand, f"/api/catalogue/imports/{run}")
        if told["state"] == state:
            return told
        time.sleep(0.1)
    raise RuntimeError(f"the import did not come to {state}")


def _ask(stand: Stand, path: str, body: bytes | None = None, kind: str = "application/json") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {stand.office}", "Content-Type": kind}
    with urlopen(Request(f"http://127.0.0.1:{stand.port}{path}", body, headers)) as answer:
        told: dict[str, Any] = json.load(answer)
        return told


def main() -> None:
    """Run this part alone."""
    with tempfile.TemporaryDirectory(prefix="nuanxin-bench-") as folder, serve.standing(Path(folder)) as stand:
        print(measured(stand))


if __name__ == "__main__":
    main()
