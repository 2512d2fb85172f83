"""Identifiers: UUIDv7, so that rows of one time lie together in the index."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7

__all__ = ["UUID", "new_id"]


def new_id() -> UUID:
    """A fresh identifier (RFC 9562 version 7). Never shown as a label code: labels are random."""
    return uuid7()
