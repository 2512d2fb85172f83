"""Alembic's environment: all tables of all features, on the connection that ``app.migrations.run`` hands over."""

from __future__ import annotations

from alembic import context

import app.base.models  # noqa: F401 - importing registers the tables
import distribution.models
import distribution.recall_models  # noqa: F401 - importing registers the tables
import inventory.appeal_models
import inventory.catalogue_models
import inventory.import_models
import inventory.kit_models
import inventory.level_models
import inventory.models
import inventory.opening_models
import inventory.recall_models
import inventory.stocktake_models
import inventory.trace_models
import inventory.transfer_models
import inventory.waste_models  # noqa: F401 - importing registers the tables
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
