"""How everybody of the demonstration speaks to the server: as programs do, over HTTP, each with the own token."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from uuid import UUID

import httpx
import msgspec

from app.base.ids import new_id
from app.demo.town import Hand

HANDS = 4
"""How many work at the same time: enough to keep two cores busy."""
PAGE = 200
_PATIENCE = 60

T = TypeVar("T")


class Unexpected(RuntimeError):
    """The server said something that the day's script does not foresee."""

    def __init__(self, hand: Hand, answer: httpx.Response) -> None:
        said = answer.text[:500] if answer.headers.get("content-type", "").startswith("application/") else ""
        request = answer.request
        super().__init__(
            f"{hand.handle} ({hand.role}): {request.method} {request.url.path} {answer.status_code} {said}"
        )


class Phone:
    """One connection pool to the server at ``address``."""

    def __init__(self, address: str) -> None:
        limits = httpx.Limits(max_connections=HANDS, max_keepalive_connections=HANDS)
        self._client = httpx.Client(base_url=address, timeout=_PATIENCE, limits=limits, trust_env=False)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def get(self, hand: Hand, path: str, /, **query: object) -> Any:
        """Read something; ``query`` without the Nones."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._json(hand, self._client.get(path, params=given, headers=_headers(hand)))

    def file(self, hand: Hand, path: str, /, **query: object) -> bytes:
        """Read a file."""
        answer = self._client.get(
            path, params={name: str(value) for name, value in query.items()}, headers=_headers(hand)
        )
        if not answer.is_success:
            raise Unexpected(hand, answer)
        return answer.content

    def post(self, hand: Hand, path: str, /, **body: object) -> Any:
        """Do something."""
        return self._json(hand, self._post(hand, path, body))

    def do(self, hand: Hand, path: str, /, **body: object) -> Any:
        """Do something with an idempotency key of its own, as a phone makes one for each tap."""
        return self.post(hand, path, key=self.key(), **body)

    @staticmethod
    def key() -> UUID:
        """An idempotency key."""
        return new_id()

    def refused(self, hand: Hand, path: str, /, **body: object) -> str:
        """Try something that must be refused; returns the refusal's code."""
        answer = self._post(hand, path, {"key": self.key(), **body})
        if not answer.is_client_error:
            raise Unexpected(hand, answer)
        return str(answer.json()["code"])

    def pages(self, hand: Hand, path: str, mark: str, /) -> Iterator[Any]:
        """Every row of a long list; ``mark`` is the field of the last row that the next page comes after."""
        after = None
        while rows := self.get(hand, path, after=after, limit=PAGE):
            yield from rows
            if len(rows) < PAGE:
                return
            after = rows[-1][mark]

    def _post(self, hand: Hand, path: str, body: dict[str, object]) -> httpx.Response:
        headers = {**_headers(hand), "content-type": "application/json"}
        return self._client.post(path, content=msgspec.json.encode(body), headers=headers)

    @staticmethod
    def _json(hand: Hand, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise Unexpected(hand, answer)
        return msgspec.json.decode(answer.content) if answer.content else None


def _headers(hand: Hand) -> dict[str, str]:
    return {"authorization": f"Bearer {hand.token}"}


def all_at_once(work: Callable[[T], object], over: Iterable[T]) -> None:
    """Let several work side by side, each on one of ``over``; the first failure is raised."""
    with ThreadPoolExecutor(HANDS, thread_name_prefix="hand") as hands:
        for done in [hands.submit(work, one) for one in over]:
            done.result()
