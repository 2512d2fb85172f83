"""Which scans are a sign of a copied label, and which have an innocent explanation: every edge, from plain values."""

from __future__ import annotations

from itertools import product

import pytest

from distribution.clone_signs import CLAIMS, Holder, Seen, Sign, Where, sign_of
from labels.custody import Step

TWICE, GIVEN, VOID, UNIT = (
    Sign.CUSTODY_TWICE,
    Sign.SCAN_AFTER_DELIVERY,
    Sign.SCAN_AFTER_VOID,
    Sign.ONE_UNIT_TWICE,
)
SELF, TEAM, OTHER = Holder

PACKS = {
    # A pack that was handed over lies in nobody's hand at a station, whoever it is.
    (Step.PICK, Where.GIVEN, OTHER): GIVEN,
    (Step.PICK, Where.GIVEN, SELF): GIVEN,
    (Step.RECEIVE, Where.GIVEN, SELF): GIVEN,
    (Step.LABEL, Where.GIVEN, OTHER): GIVEN,
    # What went to disposal does not come back to the table.
    (Step.PICK, Where.ENDED, OTHER): VOID,
    (Step.RECEIVE, Where.ENDED, SELF): VOID,
    # On its way with a team, and on the table too.
    (Step.PICK, Where.HANDS, SELF): UNIT,
    (Step.RECEIVE, Where.HANDS, OTHER): UNIT,
    # In another parcel: packed there by another phone, or by the one that scans it once more.
    (Step.PICK, Where.PARCEL, OTHER): UNIT,
    (Step.PICK, Where.PARCEL, SELF): None,
    (Step.RECEIVE, Where.PARCEL, SELF): UNIT,
    (Step.LABEL, Where.PARCEL, OTHER): UNIT,
    # At a station anyone may pick up the wrong box; but a label that is stuck on again was on something.
    (Step.PICK, Where.WAITING, OTHER): None,
    (Step.RECEIVE, Where.WAITING, OTHER): UNIT,
    (Step.RECEIVE, Where.WAITING, SELF): None,
    (Step.LABEL, Where.WAITING, OTHER): UNIT,
    (Step.LABEL, Where.WAITING, SELF): None,
    # In this very parcel, or shared out: the label tells no place.
    (Step.PICK, Where.HERE, OTHER): None,
    (Step.LABEL, Where.HERE, OTHER): None,
    (Step.PICK, Where.UNTOLD, OTHER): None,
    (Step.RECEIVE, Where.UNTOLD, OTHER): None,
}

PARCELS = {
    (Step.TAKE_OVER, Where.HANDS, OTHER): TWICE,
    (Step.TAKE_OVER, Where.HANDS, TEAM): TWICE,
    (Step.TAKE_OVER, Where.HANDS, SELF): None,
    # Members of a team hand over for each other; another team's member cannot have it.
    (Step.HAND_OVER, Where.HANDS, OTHER): TWICE,
    (Step.HAND_OVER, Where.HANDS, TEAM): None,
    (Step.HAND_OVER, Where.HANDS, SELF): None,
    (Step.TAKE_BACK, Where.HANDS, OTHER): None,
    (Step.PICK, Where.HANDS, OTHER): None,
    (Step.RECEIVE, Where.HANDS, OTHER): UNIT,
    (Step.LABEL, Where.HANDS, SELF): UNIT,
    (Step.TAKE_OVER, Where.GIVEN, OTHER): GIVEN,
    (Step.TAKE_OVER, Where.GIVEN, SELF): None,
    (Step.HAND_OVER, Where.GIVEN, TEAM): GIVEN,
    (Step.HAND_OVER, Where.GIVEN, OTHER): GIVEN,
    (Step.HAND_OVER, Where.GIVEN, SELF): None,
    (Step.TAKE_BACK, Where.GIVEN, OTHER): GIVEN,
    (Step.TAKE_BACK, Where.GIVEN, SELF): GIVEN,
    (Step.PICK, Where.GIVEN, OTHER): GIVEN,
    (Step.RECEIVE, Where.GIVEN, OTHER): GIVEN,
    (Step.TAKE_OVER, Where.WAITING, OTHER): None,
    (Step.TAKE_BACK, Where.WAITING, OTHER): None,
    (Step.RECEIVE, Where.WAITING, OTHER): UNIT,
    (Step.LABEL, Where.WAITING, OTHER): UNIT,
    (Step.LABEL, Where.WAITING, SELF): None,
    (Step.LABEL, Where.HERE, OTHER): None,
    (Step.TAKE_OVER, Where.UNTOLD, OTHER): None,
}


def seen(kind: str, step: Step, where: Where, holder: Holder, **more: object) -> Seen:
    return Seen(kind=kind, step=step, where=where, holder=holder, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(("scan", "sign"), PACKS.items(), ids=str)
def test_a_pack(scan: tuple[Step, Where, Holder], sign: Sign | None) -> None:
    assert sign_of(seen("pack", *scan)) is sign


@pytest.mark.parametrize(("scan", "sign"), PARCELS.items(), ids=str)
def test_a_parcel(scan: tuple[Step, Where, Holder], sign: Sign | None) -> None:
    assert sign_of(seen("parcel", *scan)) is sign


@pytest.mark.parametrize("step", [Step.TAKE_OVER, Step.HAND_OVER, Step.TAKE_BACK])
def test_a_pack_s_label_scanned_for_the_parcel_s_is_a_slip(step: Step) -> None:
    assert {sign_of(seen("pack", step, where, OTHER)) for where in Where} == {None}
    assert sign_of(seen("pack", step, Where.WAITING, OTHER, void="refused")) is None


@pytest.mark.parametrize("kind", ["receipt", "badge", "place", "round"])
def test_what_is_no_goods_is_never_suspect(kind: str) -> None:
    scans = [seen(kind, *one, void=void) for one in product(Step, Where, Holder) for void in ("", "damaged", "lost")]
    assert {sign_of(one) for one in scans} == {None}


@pytest.mark.parametrize("kind", ["pack", "parcel"])
def test_an_old_label_under_a_new_one_is_judged_as_the_thing_it_is_on(kind: str) -> None:
    for one in product(Step, Where, Holder):
        living = sign_of(seen(kind, *one))
        replaced = sign_of(seen(kind, *one, void="damaged", replaced=True))
        assert replaced is (VOID if living else None)


@pytest.mark.parametrize(("step", "sign"), [(Step.PICK, VOID), (Step.RECEIVE, VOID), (Step.LABEL, VOID)])
def test_a_pack_that_was_refused_is_suspect_wherever_it_comes_back(step: Step, sign: Sign) -> None:
    assert sign_of(seen("pack", step, Where.ENDED, SELF, void="refused")) is sign


def test_a_parcel_that_was_taken_apart_may_leave_its_bag_but_not_go_on_its_way() -> None:
    signs = {step: sign_of(seen("parcel", step, Where.UNTOLD, SELF, void="unpacked")) for step in Step}
    assert {step for step, sign in signs.items() if sign is None} == CLAIMS
    assert {sign for sign in signs.values() if sign} == {VOID}


def test_a_box_whose_receiving_was_undone_may_be_received_again_but_not_packed() -> None:
    undone = {step: sign_of(seen("pack", step, Where.UNTOLD, SELF, void="take-back")) for step in Step}
    assert {step for step, sign in undone.items() if sign} == {Step.PICK}


@pytest.mark.parametrize("step", Step)
def test_a_blank_label_reported_as_lost_is_suspect_a_spoilt_one_is_not(step: Step) -> None:
    assert sign_of(Seen(kind="", step=step, void="lost")) is VOID
    assert {sign_of(Seen(kind="", step=step, void=why)) for why in ("damaged", "unreadable", "misprinted")} == {None}
