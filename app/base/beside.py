"""Slow hashing beside the event loop, two at a time: a storm of guesses takes neither the memory nor the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# Each hash takes 19 MiB and some 50 ms.
_hashing = ThreadPoolExecutor(2, thread_name_prefix="hashing")


async def beside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run slow hashing in a thread of its own."""
    return await asyncio.get_running_loop().run_in_executor(_hashing, lambda: work(*args, **kwargs))
