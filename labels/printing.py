"""Any labels on any paper: a sheet, a sheet of the station's own, or a roll; as PDF, picture, ZPL or TSPL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from labels.printers import Form, print_roll
from labels.render import label_png, label_svg
from labels.sheets import Print, print_sheet
from labels.templates import ROLLS, SHEETS, Grid, Printable, Sheet, Template, sheet_of
from labels.typeface import Unprintable


class Paper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On what to print, and as what.

    ``paper``: a sheet (a4-3x8, a4-3x7, a4-2x4), a roll (40x30 … 80x50), or ``grid`` with its measures in ``grid``.
    ``first`` is the first free place of a half-used sheet, from 1. ``png`` and ``svg`` are pictures of one label.
    """

    paper: Literal["a4-3x8", "a4-3x7", "a4-2x4", "40x30", "50x30", "60x40", "80x50", "grid"] = "a4-3x8"
    form: Literal["pdf", "zpl", "tspl", "png", "svg"] = "pdf"
    first: Annotated[int, msgspec.Meta(ge=1, le=300)] = 1
    dpi: Literal[203, 300] = 203
    grid: Grid | None = None


def template_of(on: Paper) -> Template:
    """One label of this paper. Raises Unprintable as ``sheet_of``."""
    return ROLLS[on.paper] if on.paper in ROLLS else _sheet(on).label


def _sheet(on: Paper) -> Sheet:
    if on.paper != "grid":
        return SHEETS[on.paper]
    if on.grid is None:
        raise Unprintable("PRINT_GRID")
    return sheet_of(on.grid)


def put_on_paper(labels: Sequence[Printable], on: Paper, title: str) -> Print:
    """The file to print. Raises Unprintable (PRINT_ONE for a picture of several labels, PRINT_ROLL for a sheet in a
    label printer's language, and as the printing functions), and matrix.NoSuchQr."""
    if on.form == "png" or on.form == "svg":
        return _picture(labels, on)
    if on.paper in ROLLS:
        form: Form = on.form
        return print_roll(labels, ROLLS[on.paper], form, dpi=on.dpi, title=title)
    if on.form != "pdf":
        raise Unprintable("PRINT_ROLL")
    return print_sheet(labels, _sheet(on), on.first - 1, title=title)


def _picture(labels: Sequence[Printable], on: Paper) -> Print:
    if len(labels) != 1:
        raise Unprintable("PRINT_ONE" if labels else "PRINT_NONE")
    template = template_of(on)
    if on.form == "svg":
        return Print(data=label_svg(labels[0], template).encode(), media_type="image/svg+xml", suffix="svg")
    return Print(data=label_png(labels[0], template, dpi=on.dpi), media_type="image/png", suffix="png")
