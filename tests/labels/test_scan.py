"""A scan is told apart by what it is: our label in any state, a product, an address of others, a slip of the finger."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import Actor, Role
from labels import codes, registry, scan
from labels.scan import Meaning, Outside, Product, What

VOLUNTEER = Actor(account=uuid4(), role=Role.VOLUNTEER, stations=frozenset({uuid4()}))
MEMBER = Actor(account=uuid4(), role=Role.MEMBER)
CODE = "7K3M9PQ4RTX" + codes.check_character("7K3M9PQ4RTX")


def meaning(db: Database, text: str, actor: Actor = VOLUNTEER) -> Meaning:
    return db.read_now(scan.meaning, text, actor)


def blank(db: Database, clock: Clock) -> str:
    return db.write_now(registry.issue, 1, None, VOLUNTEER, clock.now()).codes[0]


def test_a_blank_label_may_be_received_with_by_a_volunteer_and_not_by_a_member(db: Database, clock: Clock) -> None:
    code = blank(db, clock)
    assert meaning(db, f"HTTPS://NUANXIN.EXAMPLE/L/{code}") == Meaning(what=What.BLANK, code=code, receive=True)
    assert meaning(db, codes.shown(code).lower(), MEMBER) == Meaning(what=What.BLANK, code=code)


def test_a_label_in_use_names_what_it_stands_for(db: Database, clock: Clock) -> None:
    parcel = uuid4()
    code = db.write_now(registry.fresh, "parcel", parcel, VOLUNTEER, clock.now())
    assert meaning(db, code, MEMBER) == Meaning(what=What.BOUND, code=code, kind="parcel", subject=parcel)


def test_a_void_label_no_longer_says_what_it_stood_for(db: Database, clock: Clock) -> None:
    code = db.write_now(registry.fresh, "pack", uuid4(), VOLUNTEER, clock.now())
    db.write_now(registry.void, code, "damaged", VOLUNTEER, clock.now())
    assert meaning(db, code) == Meaning(what=What.VOID, code=code)


def test_a_well_formed_code_that_was_never_issued_is_not_ours(db: Database) -> None:
    assert meaning(db, CODE) == Meaning(what=What.NEVER_ISSUED, code=CODE)


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("6901339924484", Product(gtin="06901339924484")),
        ("81234567890123456789", Product(trace_code="81234567890123456789")),
        ("国药准字Z20040063", Product(approval_number="国药准字Z20040063")),
        (
            "]d20106901339924484\x1d1727053110A123\x1d21XYZ",
            Product(gtin="06901339924484", lot="A123", expiry=date(2027, 5, 31), serial="XYZ"),
        ),
        ("(01)06901339924484(17)270500(10)B7", Product(gtin="06901339924484", lot="B7", expiry=date(2027, 5, 31))),
    ],
)
def test_a_product_s_code_fills_the_receive_form(sqlite_db: Database, text: str, product: Product) -> None:
    assert meaning(sqlite_db, text) == Meaning(what=What.PRODUCT, product=product, receive=True)
    assert meaning(sqlite_db, text, MEMBER) == Meaning(what=What.PRODUCT, product=product)


def test_a_national_drug_code_with_a_wrong_check_digit_is_taken_with_a_doubt(sqlite_db: Database) -> None:
    found = [meaning(sqlite_db, f"8690000000000{digit}").product for digit in range(10)]
    assert [product.sure for product in found if product].count(True) == 1
    assert len([product for product in found if product]) == 10


def test_an_impossible_letter_is_named_with_its_place_and_what_it_may_have_been(sqlite_db: Database) -> None:
    place = CODE.index("Q")
    found = meaning(sqlite_db, CODE.replace("Q", "0"))
    assert found.what == What.MISTYPED
    assert found.fault is not None
    assert (found.fault.code, found.fault.position, found.fault.letter) == ("CODE_LETTER", place + 1, "0")
    assert found.fault.likely[0] == "Q"
    assert found.code is None


def test_somebody_else_s_address_is_neither_followed_nor_repeated(sqlite_db: Database) -> None:
    found = meaning(sqlite_db, "https://evil.example/pay?to=me")
    assert found == Meaning(what=What.FOREIGN)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "EMPTY"),
        ("x" * 3000, "TOO_LONG"),
        ("a\x00b", "UNPRINTABLE"),
        ("hello", "NOT_RECOGNISED"),
        ("6901339924485", "CHECK_DIGIT"),
    ],
)
def test_anything_else_is_said_to_be_unreadable_and_why(sqlite_db: Database, text: str, code: str) -> None:
    found = meaning(sqlite_db, text)
    assert found.what == What.UNREADABLE
    assert found.fault is not None
    assert found.fault.code == code


def test_an_outsider_learns_that_a_label_is_blank_ours_or_not_to_be_trusted(db: Database, clock: Clock) -> None:
    pack = uuid4()
    bound = db.write_now(registry.fresh, "pack", pack, VOLUNTEER, clock.now())
    assert db.read_now(scan.for_outsider, blank(db, clock), {}) is Outside.BLANK
    assert db.read_now(scan.for_outsider, bound, {}) is Outside.OURS
    assert db.read_now(scan.for_outsider, CODE, {}) is Outside.REFUSED
    db.write_now(registry.void, bound, "lost", VOLUNTEER, clock.now())
    assert db.read_now(scan.for_outsider, bound, {}) is Outside.REFUSED


def test_whether_a_thing_is_unsafe_is_asked_of_whoever_knows_its_kind(db: Database, clock: Clock) -> None:
    recalled, sound = uuid4(), uuid4()
    asked = {"pack": lambda _session, subject: subject == recalled}
    codes = [db.write_now(registry.fresh, "pack", subject, VOLUNTEER, clock.now()) for subject in (recalled, sound)]
    told = [db.read_now(scan.for_outsider, code, asked) for code in codes]
    assert told == [Outside.REFUSED, Outside.OURS]
