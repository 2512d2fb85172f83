"""Sheets of blank labels as paper: in the programme's own language, whoever prints them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.base.i18n import LANGUAGES, Messages
from labels import codes
from labels.errors import BadAddress
from labels.sheets import sheet_pdf
from labels.templates import LabelText, PrintedLabel


async def draw(count: int) -> list[str]:
    """Codes drawn outside any transaction: thousands take some 50 ms, during which nobody else could write."""
    return await asyncio.to_thread(lambda: [codes.new_code() for _ in range(count)])


async def sheets(found: Sequence[str], base_url: str, messages: Messages) -> bytes:
    """The labels as PDF, 24 to an A4 page; raises BadAddress. Slow work, so in a thread of its own."""
    return await asyncio.to_thread(_pdf, found, base_url, messages)


def _pdf(found: Sequence[str], base_url: str, messages: Messages) -> bytes:
    try:
        address = codes.address(base_url)
    except codes.BadLabelAddress:
        raise BadAddress from None
    language = LANGUAGES[0]
    text = LabelText(
        title=messages.say(language, "print.programme"),
        lines=(messages.say(language, "print.blank.instruction"), messages.say(language, "print.blank.found")),
    )
    title = messages.say(language, "print.page_title", count=len(found))
    return sheet_pdf(
        [PrintedLabel(payload=address + code, code=codes.shown(code), text=text) for code in found], title=title
    )
