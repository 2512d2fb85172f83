"""A reason is why a rule said what it said: a stable code and plain values, words are added at the edge."""

from __future__ import annotations

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """One rule's finding.

    ``rule`` is the rule's id (IN05, DS01), ``code`` what was found (IN05_SHORT_DATED), ``outcome`` the rule
    family's own word for how grave it is, ``params`` the values that its sentence needs. Never a person's data.
    """

    rule: str
    code: str
    outcome: str
    params: dict[str, str | int] = {}
