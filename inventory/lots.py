"""Batch numbers in the form that equal ones share."""

from __future__ import annotations

import re

from labels import codes


def lot_number(text: str) -> str:
    """A batch number as it is compared: half width, no blanks, capitals."""
    return re.sub(r"\s", "", codes.half_width(text)).upper()
