"""A load on a server of our own on loopback: keep-alive clients, and the server's own CPU time from /proc."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Shot:
    """One request to be sent: method, path, headers, body."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def encode(self, host: str) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass(frozen=True)
class Outcome:
    """What a load measured: answers by status, milliseconds a request, server CPU microseconds a request."""

    statuses: dict[int, int]
    p50_ms: float
    p99_ms: float
    cpu_us: float
    per_second: float

    @property
    def refused(self) -> int:
        """Answers other than 2xx and 3xx."""
        return sum(count for status, count in self.statuses.items() if not 200 <= status < 400)


def fire(port: int, shots: Callable[[int], Shot], count: int, clients: int, pids: list[int]) -> Outcome:
    """Send ``count`` requests from ``clients`` keep-alive connections; ``shots(n)`` is the n-th request."""
    before, started = cpu_seconds(pids), time.perf_counter()
    taken = asyncio.run(_clients(port, shots, count, clients))
    elapsed, after = time.perf_counter() - started, cpu_seconds(pids)
    return _outcome(taken, elapsed, after - before)


def _outcome(taken: list[tuple[int, float]], elapsed: float, cpu: float) -> Outcome:
    statuses: dict[int, int] = {}
    for status, _ in taken:
        statuses[status] = statuses.get(status, 0) + 1
    times = sorted(milliseconds for _, milliseconds in taken)
    return Outcome(
        statuses,
        statistics.median(times),
        times[min(len(times) - 1, int(len(times) * 0.99))],
        cpu / len(taken) * 1e6,
        len(taken) / elapsed,
    )


async def _clients(port: int, shots: Callable[[int], Shot], count: int, clients: int) -> list[tuple[int, float]]:
    numbers = iter(range(count))
    taken: list[tuple[int, float]] = []
    await asyncio.gather(*(_client(port, shots, numbers, taken) for _ in range(clients)))
    return taken


async def paced(
    port: int, shots: Callable[[int], Shot], clients: int, pause_s: float, until: asyncio.Future[object]
) -> Outcome:
    """As ``fire``, for as long as something else takes, with a pause after each answer; no CPU is told."""
    taken: list[tuple[int, float]] = []
    numbers = itertools.takewhile(lambda _: not until.done(), itertools.count())
    began = time.perf_counter()
    await asyncio.gather(*(_client(port, shots, numbers, taken, pause_s) for _ in range(clients)))
    return _outcome(taken, time.perf_counter() - began, 0.0)


async def _client(
    port: int,
    shots: Callable[[int], Shot],
    numbers: Iterator[int],
    taken: list[tuple[int, float]],
    pause_s: float = 0.0,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    host = f"127.0.0.1:{port}"
    for number in numbers:
        if pause_s:
            await asyncio.sleep(random.uniform(0, 2 * pause_s))
        began = time.perf_counter()
        writer.write(shots(number).encode(host))
        status = await _answer(reader)
        taken.append((status, (time.perf_counter() - began) * 1000))
    writer.close()
    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    await reader.readexactly(length)
    return status


def family(pid: int) -> list[int]:
    """A process and its descendants (the server and its workers)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting.extend(children.get(one, []))
    return found


def cpu_seconds(pids: list[int]) -> float:
    """utime + stime of the processes."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def rss_mb(pids: list[int]) -> float:
    """Resident memory of the processes: private pages in full, shared ones divided by their users (PSS)."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024
