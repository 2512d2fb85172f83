"""Alembic's environment: all tables of all features, on the connection that ``app.migrations.run`` hands over."""

from __future__ import annotations

from alembic import context

import app.base.models  # noqa: F401 - importing registers the tables
import distribution.models
import distribution.recall_models  # noqa: F401 - importing registers the tables
import inventory.appealing.appeal_models
import inventory.cataloguing.catalogue_models
import inventory.counting.stocktake_models
import inventory.importing.import_models
import inventory.kitting.kit_models
import inventory.models
import inventory.moving.transfer_models
import inventory.papers.opening_models
import inventory.recalling.recall_models
import inventory.receiving.trace_models
import inventory.stock.level_models
import inventory.wasting.waste_models  # noqa: F401 - importing registers the tables
import labels.models  # noqa: F401 - importing registers the tables
from app.base.columns import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=False,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
