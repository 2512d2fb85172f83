"""What the dispensing rules need beside a parcel's lines: the person, the goods, and what was given lately (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

import msgspec

from distribution.safety import Check, Given, Line, Person, Product, Release


class Had(msgspec.Struct, frozen=True):
    """What somebody was handed lately, or gets in a parcel that is on its way (``parcel`` is None once handed over)."""

    resident: UUID
    parcel: UUID | None
    fact: Given


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules need beside the lines themselves; ``homes`` is each resident's household, ``had`` by household."""

    people: Mapping[UUID, Person]
    homes: Mapping[UUID, UUID]
    products: Mapping[UUID, Product]
    classes: dict[str, frozenset[str]]
    had: Mapping[UUID, tuple[Had, ...]]
    today: date
    delivery_day: date

    def check(
        self,
        resident: UUID,
        lines: Iterable[Line],
        *,
        near: Iterable[Given] = (),
        releases: Iterable[Release] = (),
        parcel: UUID | None = None,
    ) -> Check:
        """The question to the rules for one person: may these lines go there together?

        ``near`` is what others of the household get at the same time, ``parcel`` the lines' own parcel.
        """
        had = [one for one in self.had.get(self.homes[resident], ()) if parcel is None or one.parcel != parcel]
        return Check(
            person=self.people[resident],
            parcel=tuple(lines),
            classes=self.classes,
            delivery_day=self.delivery_day,
            today=self.today,
            given=tuple(one.fact for one in had if one.resident == resident),
            household_given=(*(one.fact for one in had if one.resident != resident), *near),
            releases=tuple(releases),
        )

    def line(self, line: UUID | str, item: UUID, quantity: int, expiry: date | None) -> Line:
        """A parcel line as the rules see it."""
        return Line(id=str(line), product=self.products[item], quantity=quantity, expiry=expiry)

    def on_the_way(self, item: UUID, quantity: int) -> Given:
        """Goods that somebody gets on the delivery day."""
        product = self.products[item]
        return Given(item=product.item, actives=product.actives, on=self.delivery_day, quantity=quantity)
