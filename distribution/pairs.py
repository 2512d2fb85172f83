"""Which items may stand in for one another, and which one person never gets together (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from distribution.safety import Product
from distribution.safety_facts import ANTIPYRETICS


def never_together(
    goods: Collection[Product], classes: Mapping[str, frozenset[str]], mixtures: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Per medicine: itself, what shares an ingredient with it, and of two antipyretics the other (DS01, DS03, DS15)."""

    def lowers_fever(product: Product) -> bool:
        return any(frozenset(ANTIPYRETICS) & {slug, *classes.get(slug, ())} for slug in product.ingredients)

    def clash(one: Product, other: Product) -> bool:
        shared = (one.ingredients & other.ingredients) - mixtures
        return one is other or bool(shared) or (lowers_fever(one) and lowers_fever(other))

    medicines = [product for product in goods if product.is_medicine]
    return {one.item: frozenset(other.item for other in medicines if clash(one, other)) for one in medicines}


def stand_ins(choices: Iterable[tuple[UUID, ...]]) -> dict[UUID, str]:
    """Items that may stand in for one another, over all needs, form one class, named by its smallest item."""
    root: dict[UUID, UUID] = {}

    def find(item: UUID) -> UUID:
        root.setdefault(item, item)
        while root[item] != item:
            root[item] = root[root[item]]
            item = root[item]
        return item

    for items in choices:
        first = find(items[0])
        for item in items[1:]:
            low, high = sorted((find(first), find(item)))
            root[high] = low
    return {item: str(find(item)) for item in root}
