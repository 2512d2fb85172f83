"""What a bench measures against: a bare Litestar JSON handler, and an authenticated POST that inserts one row."""

from __future__ import annotations

from uuid import UUID

import msgspec
from litestar import Litestar, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from sqlalchemy import Column, Table, insert
from sqlalchemy.orm import Session

from app.base.columns import Base, Id, Int
from app.base.edges import Call, may
from app.base.ids import new_id
from app.base.permissions import Permission
from app.main import serve as app_as_served

ROWS = Table("yardstick", Base.metadata, Column("id", Id, primary_key=True), Column("number", Int), sqlite_strict=True)


class Bare(msgspec.Struct):
    """What the bare handler answers."""

    name: str
    count: int


class OneRow(msgspec.Struct, forbid_unknown_fields=True):
    """What the one-row POST takes."""

    number: int


class Made(msgspec.Struct):
    """What the one-row POST answers."""

    id: UUID


@get("/api/yardstick", sync_to_thread=False)
def bare() -> Bare:
    """The least that Litestar does to answer JSON."""
    return Bare("口罩", 1)


def insert_row(session: Session, number: int) -> UUID:
    """The least that a write can be."""
    row = new_id()
    session.execute(insert(ROWS).values(id=row, number=number))
    return row


@post("/api/yardstick", guards=[may(Permission.RECEIVE)])
async def one_row(call: NamedDependency[Call], data: JSONBody[OneRow]) -> Made:
    """The least that an authenticated POST can do durably."""
    return Made(await call.write(insert_row, data.number))


def serve_bare() -> Litestar:
    """An application of the bare handler alone."""
    return Litestar([bare])


def serve() -> Litestar:
    """The whole application as it is served, and the one-row POST beside it."""
    app = app_as_served()
    app.register(one_row)
    return app
