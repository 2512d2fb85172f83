"""What a scanned or typed text is, and what can be done with it: the first question of every task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from uuid import UUID

import msgspec

from app.base.db import Asking
from app.base.permissions import Actor, Permission
from labels import barcodes, registry
from labels.models import LabelState

Unsafe = Mapping[str, Callable[[Asking, UUID], bool]]
"""By the kind of a label's subject: whether the thing of this id must not be taken (its lot is recalled)."""


class What(StrEnum):
    """What the text turned out to be."""

    BLANK = "blank"
    BOUND = "bound"
    VOID = "void"
    NEVER_ISSUED = "never_issued"
    PRODUCT = "product"
    MISTYPED = "mistyped"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What the code on a product says of it. ``sure`` is False where its check digit is wrong (some real ones are)."""

    gtin: str | None = None
    drug_code: str | None = None
    trace_code: str | None = None
    approval_number: str | None = None
    lot: str | None = None
    expiry: date | None = None
    serial: str | None = None
    sure: bool = True


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why the text cannot be used: the codes and fields of ``codes.MistypedCode`` and ``barcodes.Unknown``."""

    code: str
    position: int | None = None
    letter: str = ""
    likely: tuple[str, ...] = ()


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What a text is. ``code`` for our labels, ``kind`` and ``subject`` for one in use, ``product`` for goods.

    ``receive``: the actor may take it in as a donation now (a blank label, a product's code). Somebody else's
    address (``foreign``) is neither followed nor repeated.
    """

    what: What
    code: str | None = None
    kind: str | None = None
    subject: UUID | None = None
    product: Product | None = None
    fault: Fault | None = None
    receive: bool = False


def meaning(session: Asking, text: str, actor: Actor) -> Meaning:
    """What a text of any origin is; never raises."""
    match barcodes.read_text(text):
        case barcodes.Label(code):
            return of_label(session, code, actor)
        case barcodes.MistypedLabel(reason=reason, position=position, letter=letter, likely=likely):
            return Meaning(
                what=What.MISTYPED, fault=Fault(code=reason, position=position, letter=letter, likely=likely)
            )
        case barcodes.OtherUrl():
            return Meaning(what=What.FOREIGN)
        case barcodes.Unknown(reason):
            return Meaning(what=What.UNREADABLE, fault=Fault(code=reason))
        case found:
            return Meaning(what=What.PRODUCT, product=_product(found), receive=actor.may(Permission.RECEIVE))


def _product(
    found: barcodes.Gtin | barcodes.NationalDrugCode | barcodes.Gs1 | barcodes.TraceCode | barcodes.ApprovalNumber,
) -> Product:
    match found:
        case barcodes.Gtin(gtin14):
            return Product(gtin=gtin14)
        case barcodes.NationalDrugCode(code, check_ok):
            return Product(drug_code=code, sure=check_ok)
        case barcodes.Gs1(gtin=gtin, lot=lot, expiry=expiry, serial=serial):
            return Product(gtin=gtin, lot=lot, expiry=expiry, serial=serial)
        case barcodes.TraceCode(digits):
            return Product(trace_code=digits)
        case barcodes.ApprovalNumber(number):
            return Product(approval_number=number)


def of_label(session: Asking, code: str, actor: Actor) -> Meaning:
    """What one of our codes, in its bare form, stands for now."""
    label = registry.look_up(session, code)
    if label is None:
        return Meaning(what=What.NEVER_ISSUED, code=code)
    if label.state == LabelState.BOUND:
        return Meaning(what=What.BOUND, code=code, kind=label.kind, subject=label.subject)
    blank = label.state == LabelState.BLANK
    return Meaning(what=What.BLANK if blank else What.VOID, code=code, receive=blank and actor.may(Permission.RECEIVE))


class Outside(StrEnum):
    """All that somebody who is not signed in learns of a label. ``REFUSED``: do not take what it is on."""

    BLANK = "blank"
    OURS = "ours"
    REFUSED = "refused"


def for_outsider(session: Asking, code: str, unsafe: Unsafe) -> Outside:
    """What anyone may know of a code in its bare form; void, recalled and never issued are one answer."""
    label = registry.look_up(session, code)
    if label is None or label.state == LabelState.VOID:
        return Outside.REFUSED
    if label.state == LabelState.BLANK:
        return Outside.BLANK
    ask = unsafe.get(label.kind or "")
    if ask is not None and label.subject is not None and ask(session, label.subject):
        return Outside.REFUSED
    return Outside.OURS
