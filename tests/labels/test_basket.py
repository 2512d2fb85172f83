"""The two codes of a box: they join in either order, and never across boxes."""

from __future__ import annotations

from datetime import date

import pytest

from labels.basket import Goods, join, printed
from labels.scan import Fault, Product

GTIN = "06901234567892"
UNTIL = date(2028, 5, 31)
UNREAD = Fault(code="NOT_RECOGNISED")


def test_batch_and_expiry_join_the_product_that_waits() -> None:
    both = join(Goods(gtin=GTIN), Product(lot="B1", expiry=UNTIL))
    assert both == Goods(gtin=GTIN, lot="B1", expiry="2028-05-31")


def test_the_product_joins_the_batch_that_waits() -> None:
    both = join(Goods(lot="B1", expiry="2028-05-31"), Product(gtin=GTIN))
    assert both == Goods(gtin=GTIN, lot="B1", expiry="2028-05-31")


def test_a_code_that_names_the_same_product_again_joins() -> None:
    both = join(Goods(gtin=GTIN), Product(gtin=GTIN, lot="B1", expiry=UNTIL, serial="S1"))
    assert both == Goods(gtin=GTIN, lot="B1", expiry="2028-05-31", serial="S1")


@pytest.mark.parametrize(
    "said",
    [Product(gtin="06901339924484"), Product(lot="B2"), Product(expiry=date(2027, 1, 31)), Product(serial="S2")],
)
def test_codes_that_contradict_each_other_are_of_two_boxes(said: Product) -> None:
    assert join(Goods(gtin=GTIN, lot="B1", expiry="2028-05-31", serial="S1"), said) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b2401", Product(lot="B2401")),
        ("AB-2024 01", Product(lot="AB-202401")),
        ("2027-05", Product(expiry=date(2027, 5, 31))),
        ("2027.12", Product(expiry=date(2027, 12, 31))),
        ("2027年5月9日", Product(expiry=date(2027, 5, 9))),
    ],
)
def test_what_is_printed_on_a_box_can_be_typed_as_its_second_code(text: str, said: Product) -> None:
    assert printed(text, UNREAD) == said


@pytest.mark.parametrize("text", ["202705", "20240501", "2027-13", "2027-02-30", "你好", "<script>", "B", "ABCDEF"])
def test_what_may_be_something_else_is_left_to_the_fields(text: str) -> None:
    assert printed(text, UNREAD) is None


def test_a_product_code_that_was_misread_is_no_batch() -> None:
    assert printed("B2401", Fault(code="CHECK_DIGIT")) is None
    assert printed("B2401", None) is None
