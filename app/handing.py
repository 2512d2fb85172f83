"""What the rooms below are told of those above them, joined here: by the kind of thing that carries a code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from app.base.edges import Handed
from distribution import parcel_labels, parcel_state, rounds, scan_desk
from distribution.incidents import WATCH
from distribution.recalled_parcels import parcel_is_recalled
from inventory import packs, stations
from inventory.kitting import kit_views
from inventory.moving import under_way
from inventory.recalling.recalls import pack_is_recalled
from inventory.receiving import donations, pack_labels, scanned, traces
from inventory.stock.pack_state import labelled
from labels import handed
from labels.basket import Tellers
from labels.express import StateOf
from labels.reprint import Reaches
from labels.scan import Unsafe
from labels.stickers import Wording

OPENERS: dict[str, Callable[[UUID], str]] = {
    "pack": lambda subject: f"/packs/{subject}",
    "parcel": lambda subject: f"/parcels/{subject}",
    "receipt": lambda subject: f"/donations/{subject}",
    "place": lambda subject: f"/places/{subject}",
    "kit": lambda subject: f"/kits/bags/{subject}",
    "round": lambda subject: f"/rounds/{subject}",
    "transfer": lambda subject: f"/transfers/{subject}",
    "badge": lambda subject: f"/badge/{subject}",
}
"""What a bound label of each kind opens for somebody signed in."""

UNSAFE: Unsafe = {"pack": pack_is_recalled, "parcel": parcel_is_recalled, "kit": kit_views.bag_is_recalled}
"""Who tells of each kind whether anyone who scans its label must read «do not take»."""

REACHES: Reaches = {
    "pack": packs.in_reach,
    "parcel": parcel_state.in_reach,
    "receipt": donations.in_reach,
    "place": stations.place_in_reach,
    "kit": kit_views.in_reach,
    "round": rounds.in_reach,
    "transfer": under_way.in_reach,
}
"""Who goes on, for each kind, only for those in whose scope the thing is."""

WORDING: Wording = {
    "pack": pack_labels.words,
    "place": pack_labels.place_words,
    "kit": kit_views.words,
    "parcel": parcel_labels.words,
}
"""What stands on the label of each kind of thing."""

STATE_OF: StateOf = labelled
"""What a scanned label is answered with, for programs that ask for the whole state of what it is on."""

TELLERS = Tellers(
    things={"pack": scanned.pack, "parcel": scan_desk.parcel, "place": scanned.place, "kit": kit_views.told},
    goods=scanned.goods,
    desk=scan_desk.desk,
    traced=traces.was_before,
)
"""Who tells the scan page of each kind of thing, of a box that is not ours yet, and of what its reader can choose."""

HANDED: dict[Handed[Any], Any] = {
    handed.UNSAFE: UNSAFE,
    handed.REACHES: REACHES,
    handed.WORDING: WORDING,
    handed.TELLERS: TELLERS,
    handed.WATCH: WATCH,
    handed.STATE_OF: STATE_OF,
    handed.OPEN: {"receipt": lambda code: f"/gift/{code}"},
}
"""What the rooms below are told of those above them."""
