"""Statements of the hot path: written in SQLAlchemy Core, compiled once, run on the driver's own cursor.

What runs costs a fifth of ``Session.execute``, which works everything out anew each time (docs/decisions/009).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import BindParameter, Connection, literal_column
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse
from sqlalchemy.types import TypeEngine

from app.base.db import Asking, connection_of

Processor = Callable[[Any], Any]


class Prepared:
    """A Core statement to be run often, with every value a named parameter; ``IN`` lists are not for it.

    Equal in rows and effects to ``session.execute(statement, parameters)``: tests hold one against the other.
    """

    def __init__(self, statement: Executable) -> None:
        self.statement = statement
        self._compiled: dict[tuple[str, tuple[str, ...]], _Compiled] = {}

    def first(self, asking: Asking, /, **given: Any) -> Any:
        """The first row, with the names of the selected columns as its attributes, or None."""
        return self._run(asking, given, _first)

    def all(self, asking: Asking, /, **given: Any) -> list[Any]:
        """All rows."""
        rows: list[Any] = self._run(asking, given, _all)
        return rows

    def value(self, asking: Asking, /, **given: Any) -> Any:
        """The first column of the first row, or None."""
        row = self._run(asking, given, _first)
        return None if row is None else row[0]

    def run(self, asking: Asking, /, **given: Any) -> int:
        """Insert, update or delete; returns how many rows that met."""
        met: int = self._run(asking, given, _met)
        return met

    def _run(self, asking: Asking, given: dict[str, Any], answer: Callable[[Any, _Compiled], Any]) -> Any:
        connection = connection_of(asking) if isinstance(asking, Session) else asking
        dialect = connection.dialect
        key = (dialect.name, tuple(given))
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._compiled[key] = _Compiled(self.statement, dialect, key[1])
        return compiled.run(connection, given, answer)


class _Compiled:
    """A statement in one database's words, and what turns values into the driver's and back."""

    def __init__(self, statement: Executable, dialect: Dialect, names: tuple[str, ...]) -> None:
        # Numbers and words of the statement's own are written into it: a bound value from which a partial index's
        # condition might follow makes SQLite plan the statement anew at every run.
        whole: Any = replacement_traverse(cast("ExternallyTraversible", statement), {}, _written_out)
        compiled = whole.compile(dialect=dialect, column_keys=list(names))
        if not isinstance(compiled, SQLCompiler) or compiled.insert_prefetch or compiled.update_prefetch:
            raise TypeError("a prepared statement has no values of its own making")
        if any(bind.expanding for bind in compiled.bind_names):
            raise TypeError("a prepared statement has no list of varying length")
        self.sql, self._dialect = compiled.string, dialect
        self._fixed = {name: value for name, value in compiled.params.items() if name not in names}
        self._bind = {name: _to_driver(bind.type, dialect) for bind, name in compiled.bind_names.items()}
        self._order = tuple(compiled.positiontup or ()) if compiled.positional else None
        columns = list(getattr(statement, "selected_columns", ()))
        self._row = _named([str(column.key) for column in columns]) if columns else None
        readers = [(at, _from_driver(column.type, dialect)) for at, column in enumerate(columns)]
        self._readers = [(at, reader) for at, reader in readers if reader is not None]

    def run(self, connection: Connection, given: dict[str, Any], answer: Callable[[Any, _Compiled], Any]) -> Any:
        values = {**self._fixed, **given} if self._fixed else given
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self.sql, self._bound(values))
            return answer(cursor, self)
        except self._dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(
                self.sql, None, error, self._dialect.loaded_dbapi.Error, hide_parameters=True, dialect=self._dialect
            ) from error
        finally:
            cursor.close()

    def _bound(self, values: dict[str, Any]) -> Any:
        bind = self._bind
        if self._order is None:
            return {name: to(values[name]) if (to := bind[name]) else values[name] for name in bind}
        return [to(values[name]) if (to := bind[name]) else values[name] for name in self._order]

    def row(self, raw: Any) -> Any:
        """A driver's row with our types and names."""
        if self._readers:
            raw = list(raw)
            for at, reader in self._readers:
                raw[at] = reader(raw[at])
        return self._row(raw) if self._row else raw


def _written_out(element: ExternallyTraversible, **_: Any) -> ExternallyTraversible | None:
    if isinstance(element, BindParameter) and type(element.value) is int:
        return literal_column(str(element.value), element.type)
    if isinstance(element, BindParameter) and isinstance(element.value, StrEnum) and element.value.isidentifier():
        return literal_column(f"'{element.value}'", element.type)
    return None


def _first(cursor: Any, compiled: _Compiled) -> Any:
    raw = cursor.fetchone()
    return None if raw is None else compiled.row(raw)


def _all(cursor: Any, compiled: _Compiled) -> list[Any]:
    return [compiled.row(raw) for raw in cursor.fetchall()]


def _met(cursor: Any, _compiled: _Compiled) -> int:
    met: int = cursor.rowcount
    return met


def _named(names: list[str]) -> Callable[[Any], Any]:
    kind: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
    make: Callable[[Any], Any] = kind._make
    return make


def _to_driver(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> Processor | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
