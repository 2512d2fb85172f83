"""Triggers that give what levels keep in memory of packs, lots and places a new number with every change of it.

The number is drawn, not counted: one that was rolled back never comes again for something else.
"""

from __future__ import annotations

from alembic import op

FACTS = {
    "packs": ("lot", "item", "station"),
    "lots": ("item", "expiry", "recalled_on"),
    "places": ("kind", "station"),
}
_DRAW = "UPDATE facts_edition SET number = random()"
_PG_FUNCTION = """
CREATE OR REPLACE FUNCTION renumber_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE facts_edition SET number = floor(random() * 9000000000000000)::bigint; RETURN NULL; END $$
"""


def renumber_on_change() -> None:
    """(Re)create the triggers; call it again after a migration that rebuilds one of these tables."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if not sqlite:
        op.execute(_PG_FUNCTION)
    events = [
        (table, event, name)
        for table, columns in FACTS.items()
        for event, name in ((f"UPDATE OF {', '.join(columns)}", "update"), ("DELETE", "delete"))
    ]
    for table, event, name in [*events, ("thresholds", "INSERT", "insert")]:
        trigger = f"{table}_renumber_{name}"
        if sqlite:
            op.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            op.execute(f"CREATE TRIGGER {trigger} AFTER {event} ON {table} BEGIN {_DRAW}; END")
        else:
            op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {table}")
            op.execute(
                f"CREATE TRIGGER {trigger} AFTER {event} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION renumber_facts()"
            )
