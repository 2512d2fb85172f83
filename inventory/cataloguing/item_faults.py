"""What cannot stand in a row of the catalogue, each fault by field and stable code (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from inventory.cataloguing.starter import StarterItem
from inventory.receiving.intake_facts import Kind, OtcClass, Registration
from labels import codes
from labels.barcodes import check_digit_ok, is_approval_number

RETAIL_ZH = ("盒", "瓶", "支", "袋", "管", "包", "罐", "桶", "听", "套")
RETAIL_EN = ("box", "bottle", "tube", "bag", "pack", "packet", "can", "jar", "set", "pen", "vial")
"""What a sealed retail pack is called. A tablet, a capsule, a blister or a millilitre is no unit of a medicine (B1)."""
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_DRUG_CODE = re.compile(r"86[0-9]{12}")


class Fault(msgspec.Struct, frozen=True):
    """A field that cannot stand, and why: ``fault.<code>`` is its sentence. ``value``: which one of several."""

    field: str
    code: str
    value: str = ""


def faults(
    item: StarterItem, approvals: tuple[str, ...] = (), drug_codes: tuple[str, ...] = (), barcodes: tuple[str, ...] = ()
) -> tuple[Fault, ...]:
    """Everything that is wrong with a row and its codes; nothing, if it can stand."""
    return (
        *_unit(item),
        *_kind(item),
        *_actives(item),
        *(Fault("approvals", "item_approval", one) for one in approvals if not is_approval_number(one)),
        *(Fault("drug_codes", "item_drug_code", one) for one in drug_codes if not _DRUG_CODE.fullmatch(digits(one))),
        *(Fault("barcodes", "item_barcode", one) for one in barcodes if not _sound_gtin(digits(one))),
    )


def digits(text: str) -> str:
    """A printed number without the blanks and dashes that stand in it, half width."""
    return re.sub(r"[\s-]", "", codes.half_width(text))


def _unit(item: StarterItem) -> Iterator[Fault]:
    if item.kind is not Kind.MEDICINE:
        return
    if item.unit_zh.strip() not in RETAIL_ZH:
        yield Fault("unit_zh", "item_unit", item.unit_zh)
    if item.unit_en.strip().casefold() not in RETAIL_EN:
        yield Fault("unit_en", "item_unit", item.unit_en)


def _kind(item: StarterItem) -> Iterator[Fault]:
    medicine = item.kind is Kind.MEDICINE
    if medicine and item.durable:
        yield Fault("durable", "item_durable")
    if medicine and item.otc_class is OtcClass.NONE:
        yield Fault("otc_class", "item_class")
    if item.registration is not None and medicine is not (item.registration is Registration.DRUG):
        yield Fault("registration", "item_registration")


def _actives(item: StarterItem) -> Iterator[Fault]:
    named = [active.ingredient for active in item.actives]
    for slug in sorted({slug for slug in named if named.count(slug) > 1}):
        yield Fault("actives", "item_active_twice", slug)
    for active in item.actives:
        if active.amount_ug is not None and not 0 < active.amount_ug <= 1_000_000_000:
            yield Fault("actives", "item_amount", active.ingredient)


def _sound_gtin(number: str) -> bool:
    return _GTIN.fullmatch(number) is not None and check_digit_ok(number)
