"""What each role finds in the navigation: its own work first."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from app.base.permissions import Actor, Permission


class Entry(msgspec.Struct, frozen=True):
    """One entry: where it leads, its words, its icon, and whether the reader is there."""

    href: str
    label: str
    icon: str
    current: bool


ENTRIES: tuple[tuple[str, str, str, Permission], ...] = (
    ("/", "nav.home", "home", Permission.READ_OWN),
    ("/scan", "nav.scan", "scan", Permission.LOOK_UP),
    ("/release", "nav.release", "check", Permission.READ_HOLD),
    ("/medic", "nav.medic", "heartbeat", Permission.RELEASE_FOR_RESIDENT),
    ("/packing", "nav.packing", "bag", Permission.PACK),
    ("/rounds", "nav.rounds", "truck", Permission.READ_ROUNDS),
    ("/needs", "nav.needs", "heart", Permission.READ_NEEDS),
    ("/residents", "nav.residents", "person", Permission.EDIT_RESIDENT),
    ("/plans", "nav.plans", "gift", Permission.READ_PLAN),
    ("/recalls", "nav.recalls", "warning", Permission.READ_RECALLS),
    ("/incidents", "nav.incidents", "warning", Permission.CLOSE_INCIDENT),
    ("/stock", "nav.stock", "box", Permission.READ_STOCK),
    ("/stocktakes", "nav.stocktakes", "check", Permission.COUNT_STOCK),
    ("/stocktakes", "nav.stocktakes", "check", Permission.APPROVE_COUNT),
    ("/transfers", "nav.transfers", "truck", Permission.READ_STOCK),
    ("/disposals", "nav.disposals", "out", Permission.READ_STOCK),
    ("/catalogue", "nav.catalogue", "pill", Permission.EDIT_CATALOGUE),
    ("/catalogue", "nav.catalogue", "pill", Permission.VERIFY_ITEM),
    ("/forms", "nav.forms", "list", Permission.READ_STOCK),
    ("/kits", "nav.kits", "gift", Permission.READ_STOCK),
    ("/labels", "nav.labels", "label", Permission.PRINT_LABELS),
    ("/people", "nav.people", "people", Permission.READ_ACCOUNTS),
    ("/audit", "nav.audit", "list", Permission.READ_AUDIT),
)


def navigation(actor: Actor | None, path: str, say: Callable[[str], str]) -> tuple[Entry, ...]:
    """The entries of an actor's role in the reader's words; nothing for somebody who is not signed in."""
    if actor is None:
        return ()
    return tuple(
        Entry(href, say(label), icon, path == href or (href != "/" and path.startswith(href + "/")))
        for href, label, icon, permission in ENTRIES
        if actor.may(permission)
    )
