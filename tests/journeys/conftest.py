"""The town of the journeys, on a SQLite file and on a PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.clock import Clock
from app.base.db import Database
from tests.journeys.town import Town, opened


@pytest.fixture
def town(db: Database, clock: Clock, tmp_path: Path) -> Iterator[Town]:
    with opened(db, clock, tmp_path) as made:
        yield made
