"""The programs' way in to catalogue, donations, hold and stock."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.base.edges import Call, may
from app.base.fields import PLAIN
from app.base.permissions import Permission
from inventory import packs, stations
from inventory.cataloguing import catalogue
from inventory.cataloguing.catalogue import CatalogueItem
from inventory.counting import blind
from inventory.kitting import kits
from inventory.kitting.kits import Recipe
from inventory.packs import PackHistory
from inventory.receiving import donations, watched_intake
from inventory.receiving.donations import Receipt, TakeBack
from inventory.receiving.intake import NewDonation
from inventory.releasing import hold
from inventory.releasing.hold import HeldPack
from inventory.stations import StationRow
from inventory.stock import levels
from inventory.stock.levels import ItemLevel, Levels
from labels import handed

Limit = Annotated[int, QueryParameter(ge=1, le=200)]
Code = Annotated[str, QueryParameter(max_length=20, pattern=PLAIN)]
Words = Annotated[str, QueryParameter(max_length=60, pattern=PLAIN)]


@get("/api/items", operation_id="listItems", guards=[may(Permission.READ_CATALOGUE)])
async def list_items(call: NamedDependency[Call], after: Code = "", limit: Limit = 200) -> tuple[CatalogueItem, ...]:
    """The catalogue in the order of its codes, from behind ``after``."""
    return await call.read(catalogue.items, after, limit)


@get("/api/catalogue", operation_id="findItem", guards=[may(Permission.READ_CATALOGUE)])
async def find_item(call: NamedDependency[Call], q: Words = "") -> tuple[CatalogueItem, ...]:
    """The items that a name, part of a name, code or product barcode fits best, at most 20."""
    return await call.read(catalogue.find, q)


@get("/api/kits", operation_id="listKits", guards=[may(Permission.READ_CATALOGUE)])
async def list_kits(call: NamedDependency[Call]) -> tuple[Recipe, ...]:
    """Every care-parcel recipe as it holds today."""
    return await call.read(kits.recipes, call.today)


@get("/api/stations", operation_id="listStations", guards=[may(Permission.READ_STOCK, Permission.RECEIVE)])
async def list_stations(call: NamedDependency[Call]) -> tuple[StationRow, ...]:
    """The stations in the caller's scope."""
    return await call.read(stations.stations, call.actor)


@post("/api/donations", operation_id="receiveDonation", guards=[may(Permission.RECEIVE)], status_code=201)
async def receive_donation(call: NamedDependency[Call], data: JSONBody[NewDonation]) -> Receipt:
    """Take in one kind of goods: screened, booked to hold or quarantine, labelled; or refused with reasons."""
    return await watched_intake.receive(call, call.handed(handed.WATCH), data)


@get("/api/donations/{donation:uuid}", operation_id="readDonation", guards=[may(Permission.READ_DONATION)])
async def read_donation(call: NamedDependency[Call], donation: FromPath[UUID]) -> Receipt:
    """A donation with all its lines, without any person."""
    return await call.read(donations.receipt, donation, call.actor)


@post("/api/donations/take-back", operation_id="takeBackLine", guards=[may(Permission.RECEIVE)], status_code=200)
async def take_back_line(call: NamedDependency[Call], data: JSONBody[TakeBack]) -> Receipt:
    """Undo the receiving of a line, within the sitting, by a reversing movement."""
    return await call.write(donations.take_back, data, call.actor, call.now)


@get("/api/held", operation_id="listHeld", guards=[may(Permission.READ_HOLD)])
async def list_held(
    call: NamedDependency[Call], after: FromQuery[UUID | None] = None, limit: Limit = 50
) -> tuple[HeldPack, ...]:
    """What waits for a second person, received first comes first, from behind the pack ``after``."""
    return await call.read(hold.queue, call.actor, call.today, after=after, limit=limit)


@get("/api/levels", operation_id="readLevels", guards=[may(Permission.READ_STOCK)])
async def read_levels(call: NamedDependency[Call], station: FromQuery[UUID | None] = None) -> Levels:
    """Stock by item and by station in the caller's scope, the short items first."""
    return await call.read(blind.figures, call.actor, levels.levels, call.actor, call.today, station=station)


@get("/api/levels/items/{item:uuid}", operation_id="readItemLevel", guards=[may(Permission.READ_STOCK)])
async def read_item_level(call: NamedDependency[Call], item: FromPath[UUID]) -> ItemLevel:
    """One item down to its packs, soonest expiry first."""
    return await call.read(blind.figures, call.actor, levels.item_levels, call.actor, item, call.today)


@get("/api/packs/{pack:uuid}", operation_id="readPack", guards=[may(Permission.READ_STOCK)])
async def read_pack(call: NamedDependency[Call], pack: FromPath[UUID]) -> PackHistory:
    """A pack: what it is, where it is, and everything that happened to it."""
    await call.read(blind.pack, pack, call.actor)
    return await call.read(packs.pack_history, pack, call.actor, call.today)


handlers: list[BaseRouteHandler] = [
    list_items,
    find_item,
    list_kits,
    list_stations,
    receive_donation,
    read_donation,
    take_back_line,
    list_held,
    read_levels,
    read_item_level,
    read_pack,
]
