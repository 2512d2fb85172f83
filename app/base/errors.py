"""Every domain "no" is a Refusal with a stable code; status and words are added at the edge."""

from __future__ import annotations

from typing import ClassVar

from app.base.reasons import Reason

Params = dict[str, str | int]


class Refusal(Exception):
    """A verb says no.

    ``code`` is stable and names the message ``refusal.<CODE>``; ``params`` fill its sentence and never hold
    personal data; ``reasons`` are the rules' findings behind it, if any.
    """

    code: ClassVar[str] = "REFUSED"
    status: ClassVar[int] = 409

    def __init__(self, reasons: tuple[Reason, ...] = (), **params: str | int) -> None:
        super().__init__(self.code)
        self.params: Params = params
        self.reasons = reasons


class NotFound(Refusal):
    """Absent, or out of the caller's scope: the two look the same."""

    code = "NOT_FOUND"
    status = 404


class Forbidden(Refusal):
    """The caller's role does not have this verb."""

    code = "FORBIDDEN"
    status = 403


class SignInNeeded(Refusal):
    """Nobody is signed in, or the sign-in has ended."""

    code = "SIGN_IN_NEEDED"
    status = 401


class Invalid(Refusal):
    """A field is outside its type or range.

    ``faults`` are (field, message code, params); the edge turns them into sentences.
    """

    code = "INVALID"
    status = 400

    def __init__(self, *faults: tuple[str, str, Params]) -> None:
        super().__init__()
        self.faults = faults


class NothingTicked(Refusal):
    """A batch was sent without one thing chosen for it."""

    code = "NOTHING_TICKED"
    status = 400


class KeyReused(Refusal):
    """An idempotency key came back with another body."""

    code = "KEY_REUSED"
    status = 422


class SamePerson(Refusal):
    """A second, different person is needed for this step."""

    code = "SAME_PERSON"
    status = 403


class Conflict(Refusal):
    """The thing has moved on meanwhile; look again."""

    code = "CONFLICT"
    status = 409


class TooMany(Refusal):
    """Too many tries; ``seconds`` says how long to wait."""

    code = "TOO_MANY"
    status = 429


class Busy(Refusal):
    """The writer's queue is full; nothing was written, try again."""

    code = "BUSY"
    status = 503


class StoreUnavailable(Refusal):
    """The disk or the database refuses writes; nothing was written."""

    code = "STORE_UNAVAILABLE"
    status = 503
