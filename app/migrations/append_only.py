"""Triggers that refuse to change or delete what is append-only, on both databases.

Alembic's batch mode rebuilds a SQLite table and drops its triggers in silence: every migration that touches one of
these tables calls ``protect`` again, and a test tries UPDATE, REPLACE, DELETE and TRUNCATE after the last migration.
"""

from __future__ import annotations

from alembic import op

APPEND_ONLY = (
    "movements",
    "stocktake_scans",
    "reversals",
    "audit_notes",
    "audit_links",
    "policies",
    "policy_proposals",
    "policy_decisions",
    "trace_codes",
    "replays",
    "release_decisions",
    "appeals",
    "medic_decisions",
    "parcel_steps",
    "confirmations",
    "given",
    "thresholds",
    "item_changes",
    "recall_calls",
    "transfer_steps",
    "disposal_lines",
)

_PG_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$
"""


def protect(*tables: str) -> None:
    """(Re)create the triggers of these tables."""
    if op.get_bind().dialect.name == "sqlite":
        for table in tables:
            for event in ("UPDATE", "DELETE"):
                name = f"{table}_no_{event.lower()}"
                op.execute(f"DROP TRIGGER IF EXISTS {name}")
                op.execute(
                    f"CREATE TRIGGER {name} BEFORE {event} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(_PG_FUNCTION)
    for table in tables:
        op.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        op.execute(f"DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}")
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
