"""The first tables."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa
from alembic import op

from app.base import columns
from app.migrations.append_only import APPEND_ONLY, protect
from app.migrations.facts_edition import renumber_on_change

revision = "0001"
down_revision = None

_VIRTUAL = ("donor", "residents", "disposal", "correction")


def upgrade() -> None:
    """Make every table, protect what is append-only, and add the ledger's four places outside."""
    _accounts()
    _attempts()
    _audit_notes()
    _communities()
    _ingredients()
    _items()
    _kits()
    _label_batches()
    _person_keys()
    _policies()
    _policy_proposals()
    _policy_decisions()
    _replays()
    _store()
    _account_scopes()
    _audit_links()
    _barcodes()
    _item_changes()
    _item_numbers()
    _devices()
    _grids()
    _invitations()
    _kit_lines()
    _kit_substitutes()
    _labels()
    _lots()
    _plans()
    _sign_ins()
    _stations()
    _buildings()
    _donations()
    _packs()
    _places()
    _donation_lines()
    _holdings()
    _trace_codes()
    _kit_bags()
    _openings()
    _movements()
    _thresholds()
    _alert_marks()
    _facts_edition()
    _transfers()
    _transfer_wishes()
    _transfer_steps()
    _losses()
    _disposals()
    _disposal_lines()
    _release_decisions()
    _appeals()
    _teams()
    _households()
    _rounds()
    _team_members()
    _parcels()
    _residents()
    _confirmations()
    _needs()
    _parcel_steps()
    _decisions()
    _parcel_lines()
    _given()
    _medic_decisions()
    _incidents()
    _incident_things()
    _recalls()
    _recall_criteria()
    _recall_calls()
    _import_runs()
    _import_parts()
    _import_editions()
    _stocktakes()
    _stocktake_places()
    _stocktake_lines()
    _stocktake_scans()
    _reversals()
    protect(*APPEND_ONLY)
    renumber_on_change()
    places = sa.table("places", sa.column("id", columns.Id()), sa.column("kind"), sa.column("name"))
    op.bulk_insert(
        places,
        [{"id": UUID(int=number), "kind": kind, "name": kind} for number, kind in enumerate(_VIRTUAL, start=1)],
    )


def downgrade() -> None:
    """Drop every table, those that refer to others first."""
    op.drop_table("reversals")
    op.drop_table("stocktake_scans")
    op.drop_table("stocktake_lines")
    op.drop_table("stocktake_places")
    op.drop_table("stocktakes")
    op.drop_table("import_editions")
    op.drop_table("import_parts")
    op.drop_table("import_runs")
    op.drop_table("recall_calls")
    op.drop_table("recall_criteria")
    op.drop_table("recalls")
    op.drop_table("incident_things")
    op.drop_table("incidents")
    op.drop_table("medic_decisions")
    op.drop_table("given")
    op.drop_table("parcel_lines")
    op.drop_table("decisions")
    op.drop_table("parcel_steps")
    op.drop_table("needs")
    op.drop_table("confirmations")
    op.drop_table("residents")
    op.drop_table("parcels")
    op.drop_table("team_members")
    op.drop_table("rounds")
    op.drop_table("households")
    op.drop_table("teams")
    op.drop_table("appeals")
    op.drop_table("release_decisions")
    op.drop_table("disposal_lines")
    op.drop_table("disposals")
    op.drop_table("losses")
    op.drop_table("transfer_steps")
    op.drop_table("transfer_wishes")
    op.drop_table("transfers")
    op.drop_table("facts_edition")
    op.drop_table("alert_marks")
    op.drop_table("thresholds")
    op.drop_table("movements")
    op.drop_table("openings")
    op.drop_table("kit_bags")
    op.drop_table("trace_codes")
    op.drop_table("holdings")
    op.drop_table("donation_lines")
    op.drop_table("places")
    op.drop_table("packs")
    op.drop_table("donations")
    op.drop_table("buildings")
    op.drop_table("stations")
    op.drop_table("sign_ins")
    op.drop_table("plans")
    op.drop_table("lots")
    op.drop_table("labels")
    op.drop_table("kit_substitutes")
    op.drop_table("kit_lines")
    op.drop_table("invitations")
    op.drop_table("grids")
    op.drop_table("devices")
    op.drop_table("item_numbers")
    op.drop_table("item_changes")
    op.drop_table("barcodes")
    op.drop_table("audit_links")
    op.drop_table("account_scopes")
    op.drop_table("store")
    op.drop_table("replays")
    op.drop_table("policy_decisions")
    op.drop_table("policy_proposals")
    op.drop_table("policies")
    op.drop_table("person_keys")
    op.drop_table("label_batches")
    op.drop_table("kits")
    op.drop_table("items")
    op.drop_table("ingredients")
    op.drop_table("communities")
    op.drop_table("audit_notes")
    op.drop_table("attempts")
    op.drop_table("accounts")


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=True),
        sa.Column("secret", sa.Text(), nullable=True),
        sa.Column("doctor", columns.Yes(), nullable=False),
        sa.Column("ended_at", columns.Instant(), nullable=True),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("handle", name=op.f("uq_accounts_handle")),
        sqlite_strict=True,
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("window", columns.Int, nullable=False),
        sa.Column("count", columns.Int, nullable=False),
        sa.PrimaryKeyConstraint("subject", "window", name=op.f("pk_attempts")),
        sqlite_strict=True,
    )


def _audit_notes() -> None:
    op.create_table(
        "audit_notes",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("actor", columns.Id(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", columns.Id(), nullable=True),
        sa.Column("detail", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_notes")),
        sqlite_strict=True,
    )
    op.create_index("ix_audit_notes_actor", "audit_notes", ["actor", "id"], unique=False)
    op.create_index("ix_audit_notes_subject", "audit_notes", ["subject"], unique=False)


def _communities() -> None:
    op.create_table(
        "communities",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_communities")),
        sa.UniqueConstraint("name", name=op.f("uq_communities_name")),
        sqlite_strict=True,
    )


def _import_runs() -> None:
    op.create_table(
        "import_runs",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("moved_at", columns.Instant(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sheet", sa.Text(), nullable=False),
        sa.Column("other_sheets", columns.Int, nullable=False),
        sa.Column("official", columns.Yes(), nullable=False),
        sa.Column("headings", columns.Json(), nullable=False),
        sa.Column("samples", columns.Json(), nullable=False),
        sa.Column("comments", columns.Json(), nullable=False),
        sa.Column("columns", columns.Json(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wanted", columns.Yes(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("with_faults", columns.Yes(), nullable=False),
        sa.Column("rows", columns.Int, nullable=False),
        sa.Column("parts", columns.Int, nullable=False),
        sa.Column("done", columns.Int, nullable=False),
        sa.Column("counts", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_runs")),
        sqlite_strict=True,
    )
    op.create_index("ix_import_runs_at", "import_runs", ["at"], unique=False)


def _import_parts() -> None:
    op.create_table(
        "import_parts",
        sa.Column("run", columns.Id(), nullable=False),
        sa.Column("number", columns.Int, nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("plan", sa.LargeBinary(), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["run"], ["import_runs.id"], name=op.f("fk_import_parts_run")),
        sa.PrimaryKeyConstraint("run", "number", name=op.f("pk_import_parts")),
        sqlite_strict=True,
    )


def _import_editions() -> None:
    op.create_table(
        "import_editions",
        sa.Column("edition", columns.Int, nullable=False),
        sa.Column("run", columns.Id(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["import_runs.id"], name=op.f("fk_import_editions_run")),
        sa.PrimaryKeyConstraint("edition", name=op.f("pk_import_editions")),
        sqlite_strict=True,
    )


def _ingredients() -> None:
    op.create_table(
        "ingredients",
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("classes", columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_ingredients")),
        sqlite_strict=True,
    )


def _items() -> None:
    op.create_table(
        "items",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("strength", sa.Text(), nullable=False),
        sa.Column("wanted", columns.Yes(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("sounds", sa.Text(), nullable=False),
        sa.Column("facts", columns.Json(), nullable=False),
        sa.Column("proposed", columns.Json(), nullable=True),
        sa.Column("edition", columns.Int, nullable=False),
        sa.Column("verified_by", columns.Id(), nullable=True),
        sa.Column("verified_on", columns.Day(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("code", name=op.f("uq_items_code")),
        sqlite_strict=True,
    )
    op.create_index("ix_items_edition", "items", ["edition"], unique=False)
    op.create_index("ix_items_kind", "items", ["kind"], unique=False)


def _kits() -> None:
    op.create_table(
        "kits",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", columns.Int, nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("least_days", columns.Int, nullable=False),
        sa.Column("valid_from", columns.Day(), nullable=True),
        sa.Column("retired_from", columns.Day(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kits")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_kits_code_version")),
        sqlite_strict=True,
    )


def _label_batches() -> None:
    op.create_table(
        "label_batches",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("count", columns.Int, nullable=False),
        sa.Column("station", columns.Id(), nullable=True),
        sa.Column("made_by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_batches")),
        sqlite_strict=True,
    )


def _person_keys() -> None:
    op.create_table(
        "person_keys",
        sa.Column("subject", columns.Id(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("destroyed_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_person_keys")),
        sqlite_strict=True,
    )


def _policies() -> None:
    op.create_table(
        "policies",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", columns.Int, nullable=False),
        sa.Column("valid_from", columns.Day(), nullable=False),
        sa.Column("body", columns.Json(), nullable=False),
        sa.Column("proposed_by", columns.Id(), nullable=True),
        sa.Column("signed_by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_policies_name_version")),
        sqlite_strict=True,
    )
    op.create_index("ix_policies_current", "policies", ["name", "valid_from"], unique=False)


def _policy_proposals() -> None:
    op.create_table(
        "policy_proposals",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("based_on", columns.Int, nullable=False),
        sa.Column("valid_from", columns.Day(), nullable=False),
        sa.Column("body", columns.Json(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_proposals")),
        sqlite_strict=True,
    )


def _policy_decisions() -> None:
    op.create_table(
        "policy_decisions",
        sa.Column("proposal", columns.Id(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("version", columns.Int, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["proposal"], ["policy_proposals.id"], name=op.f("fk_policy_decisions_proposal")),
        sa.PrimaryKeyConstraint("proposal", name=op.f("pk_policy_decisions")),
        sqlite_strict=True,
    )


def _replays() -> None:
    op.create_table(
        "replays",
        sa.Column("actor", columns.Id(), nullable=False),
        sa.Column("key", columns.Id(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made", columns.Json(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name=op.f("pk_replays")),
        sqlite_strict=True,
    )


def _store() -> None:
    op.create_table(
        "store",
        sa.Column("one", columns.Int, nullable=False),
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("key_check", sa.LargeBinary(), nullable=False),
        sa.Column("demo", columns.Yes(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_store_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_store")),
        sqlite_strict=True,
    )


def _account_scopes() -> None:
    op.create_table(
        "account_scopes",
        sa.Column("account", columns.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scope", columns.Id(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_account_scopes_account")),
        sa.PrimaryKeyConstraint("account", "kind", "scope", name=op.f("pk_account_scopes")),
        sqlite_strict=True,
    )


def _audit_links() -> None:
    op.create_table(
        "audit_links",
        sa.Column("seq", columns.Int, autoincrement=False, nullable=False),
        sa.Column("note", columns.Id(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["note"], ["audit_notes.id"], name=op.f("fk_audit_links_note")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_links")),
        sa.UniqueConstraint("note", name=op.f("uq_audit_links_note")),
        sqlite_strict=True,
    )


def _barcodes() -> None:
    op.create_table(
        "barcodes",
        sa.Column("gtin", sa.Text(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("learned_by", columns.Id(), nullable=True),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_barcodes_item")),
        sa.PrimaryKeyConstraint("gtin", "item", name=op.f("pk_barcodes")),
        sqlite_strict=True,
    )
    op.create_index("ix_barcodes_item", "barcodes", ["item"], unique=False)


def _item_changes() -> None:
    op.create_table(
        "item_changes",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("edition", columns.Int, nullable=False),
        sa.Column("changes", columns.Json(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_item_changes_item")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_changes")),
        sqlite_strict=True,
    )
    op.create_index("ix_item_changes_item", "item_changes", ["item", "id"], unique=False)


def _item_numbers() -> None:
    op.create_table(
        "item_numbers",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_item_numbers_item")),
        sa.PrimaryKeyConstraint("number", "item", name=op.f("pk_item_numbers")),
        sqlite_strict=True,
    )
    op.create_index("ix_item_numbers_item", "item_numbers", ["item"], unique=False)


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account", columns.Id(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("revoked_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_devices_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("digest", name=op.f("uq_devices_digest")),
        sqlite_strict=True,
    )


def _grids() -> None:
    op.create_table(
        "grids",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_grids_community")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grids")),
        sa.UniqueConstraint("community", "name", name=op.f("uq_grids_community_name")),
        sqlite_strict=True,
    )


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account", columns.Id(), nullable=False),
        sa.Column("uses_left", columns.Int, nullable=False),
        sa.Column("demo", columns.Yes(), nullable=False),
        sa.Column("made_by", columns.Id(), nullable=True),
        sa.Column("ends_at", columns.Instant(), nullable=False),
        sa.CheckConstraint("uses_left >= 0", name=op.f("ck_invitations_uses")),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_invitations_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("digest", name=op.f("uq_invitations_digest")),
        sqlite_strict=True,
    )


def _kit_lines() -> None:
    op.create_table(
        "kit_lines",
        sa.Column("kit", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_kit_lines_quantity")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_kit_lines_item")),
        sa.ForeignKeyConstraint(["kit"], ["kits.id"], name=op.f("fk_kit_lines_kit")),
        sa.PrimaryKeyConstraint("kit", "item", name=op.f("pk_kit_lines")),
        sqlite_strict=True,
    )


def _kit_substitutes() -> None:
    op.create_table(
        "kit_substitutes",
        sa.Column("kit", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("rank", columns.Int, nullable=False),
        sa.Column("substitute", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_kit_substitutes_quantity")),
        sa.CheckConstraint("item <> substitute", name=op.f("ck_kit_substitutes_other")),
        sa.ForeignKeyConstraint(
            ["kit", "item"], ["kit_lines.kit", "kit_lines.item"], name=op.f("fk_kit_substitutes_kit")
        ),
        sa.ForeignKeyConstraint(["substitute"], ["items.id"], name=op.f("fk_kit_substitutes_substitute")),
        sa.PrimaryKeyConstraint("kit", "item", "rank", name=op.f("pk_kit_substitutes")),
        sa.UniqueConstraint("kit", "item", "substitute", name=op.f("uq_kit_substitutes_kit_item_substitute")),
        sqlite_strict=True,
    )


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("subject", columns.Id(), nullable=True),
        sa.Column("batch", columns.Id(), nullable=True),
        sa.Column("issued_at", columns.Instant(), nullable=False),
        sa.Column("bound_at", columns.Instant(), nullable=True),
        sa.Column("void_at", columns.Instant(), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("replaced_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state <> 'blank' OR (kind IS NULL AND subject IS NULL)", name=op.f("ck_labels_blank_has_no_subject")
        ),
        sa.CheckConstraint(
            "state <> 'bound' OR (kind IS NOT NULL AND subject IS NOT NULL)", name=op.f("ck_labels_bound_has_a_subject")
        ),
        sa.ForeignKeyConstraint(["batch"], ["label_batches.id"], name=op.f("fk_labels_batch")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_labels")),
        sqlite_strict=True,
    )
    op.create_index("ix_labels_batch", "labels", ["batch"], unique=False)
    op.create_index(
        "ix_labels_one_living",
        "labels",
        ["subject"],
        unique=True,
        sqlite_where=sa.text("state = 'bound'"),
        postgresql_where=sa.text("state = 'bound'"),
    )
    op.create_index("ix_labels_subject", "labels", ["subject"], unique=False)


def _lots() -> None:
    op.create_table(
        "lots",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("expiry", columns.Day(), nullable=True),
        sa.Column("recalled_on", columns.Day(), nullable=True),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_lots_item")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
        sa.UniqueConstraint("item", "key", name=op.f("uq_lots_item_key")),
        sqlite_strict=True,
    )
    op.create_index("ix_lots_expiry", "lots", ["expiry"], unique=False)
    op.create_index("ix_lots_number", "lots", ["item", "number"], unique=False)


def _plans() -> None:
    op.create_table(
        "plans",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("policies", columns.Json(), nullable=False),
        sa.Column("snapshot", sa.LargeBinary(), nullable=False),
        sa.Column("made_by", columns.Id(), nullable=False),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.Column("approved_by", columns.Id(), nullable=True),
        sa.Column("approved_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_plans_community")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plans")),
        sqlite_strict=True,
    )


def _sign_ins() -> None:
    op.create_table(
        "sign_ins",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("account", columns.Id(), nullable=False),
        sa.Column("means", sa.Text(), nullable=False),
        sa.Column("idle_seconds", columns.Int, nullable=True),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("seen_at", columns.Instant(), nullable=False),
        sa.Column("ends_at", columns.Instant(), nullable=False),
        sa.Column("revoked_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_sign_ins_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("digest", name=op.f("uq_sign_ins_digest")),
        sqlite_strict=True,
    )
    op.create_index("ix_sign_ins_account", "sign_ins", ["account"], unique=False)


def _stations() -> None:
    op.create_table(
        "stations",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("cool_cabinet", columns.Yes(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_stations_community")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stations")),
        sa.UniqueConstraint("name", name=op.f("uq_stations_name")),
        sqlite_strict=True,
    )


def _buildings() -> None:
    op.create_table(
        "buildings",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("grid", columns.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", columns.Int, nullable=False),
        sa.ForeignKeyConstraint(["grid"], ["grids.id"], name=op.f("fk_buildings_grid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buildings")),
        sa.UniqueConstraint("grid", "name", name=op.f("uq_buildings_grid_name")),
        sqlite_strict=True,
    )


def _donations() -> None:
    op.create_table(
        "donations",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("donor", columns.Id(), nullable=True),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("phone_blind", sa.LargeBinary(), nullable=True),
        sa.Column("declared", columns.Yes(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("received_by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_donations_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_donations")),
        sa.UniqueConstraint("receipt", name=op.f("uq_donations_receipt")),
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_donations_phone_blind"), "donations", ["phone_blind"], unique=False)
    op.create_index("ix_donations_station", "donations", ["station", "at"], unique=False)


def _packs() -> None:
    op.create_table(
        "packs",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("lot", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("received_by", columns.Id(), nullable=False),
        sa.Column("received_at", columns.Instant(), nullable=False),
        sa.Column("split_from", columns.Id(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_packs_quantity")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_packs_item")),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_packs_lot")),
        sa.ForeignKeyConstraint(["split_from"], ["packs.id"], name=op.f("fk_packs_split_from")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_packs_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packs")),
        sqlite_strict=True,
    )
    op.create_index("ix_packs_lot", "packs", ["lot"], unique=False)
    op.create_index(op.f("ix_packs_split_from"), "packs", ["split_from"], unique=False)


def _places() -> None:
    op.create_table(
        "places",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("station", columns.Id(), nullable=True),
        sa.Column("holder", columns.Id(), nullable=True),
        sa.Column("keeps", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_places_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_places")),
        sqlite_strict=True,
    )
    op.create_index("ix_places_holder", "places", ["holder"], unique=False)
    op.create_index("ix_places_station", "places", ["station", "kind"], unique=False)


def _donation_lines() -> None:
    op.create_table(
        "donation_lines",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("donation", columns.Id(), nullable=True),
        sa.Column("item", columns.Id(), nullable=True),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("lot_number", sa.Text(), nullable=False),
        sa.Column("expiry", columns.Day(), nullable=True),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reasons", columns.Json(), nullable=False),
        sa.Column("ruleset", sa.Text(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=True),
        sa.Column("facts", columns.Json(), nullable=False),
        sa.Column("taken_back_at", columns.Instant(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_donation_lines_quantity")),
        sa.ForeignKeyConstraint(["donation"], ["donations.id"], name=op.f("fk_donation_lines_donation")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_donation_lines_item")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_donation_lines_pack")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_donation_lines")),
        sqlite_strict=True,
    )
    op.create_index("ix_donation_lines_donation", "donation_lines", ["donation"], unique=False)
    op.create_index(op.f("ix_donation_lines_pack"), "donation_lines", ["pack"], unique=False)


def _trace_codes() -> None:
    op.create_table(
        "trace_codes",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("line", columns.Id(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=True),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("repeated", columns.Yes(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["line"], ["donation_lines.id"], name=op.f("fk_trace_codes_line")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_trace_codes_pack")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_trace_codes_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trace_codes")),
        sqlite_strict=True,
    )
    op.create_index("ix_trace_codes_code", "trace_codes", ["code"], unique=False)
    op.create_index("ix_trace_codes_pack", "trace_codes", ["pack"], unique=False)


def _holdings() -> None:
    op.create_table(
        "holdings",
        sa.Column("place", columns.Id(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_holdings_quantity")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_holdings_pack")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_holdings_place")),
        sa.PrimaryKeyConstraint("place", "pack", name=op.f("pk_holdings")),
        sqlite_strict=True,
    )
    op.create_index("ix_holdings_pack", "holdings", ["pack"], unique=False)
    op.create_index(
        "ix_holdings_live", "holdings", ["place", "pack", "quantity"], unique=False,
        sqlite_where=sa.text("quantity > 0"), postgresql_where=sa.text("quantity > 0"),
    )  # fmt: skip


def _thresholds() -> None:
    op.create_table(
        "thresholds",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=True),
        sa.Column("low", columns.Int, nullable=True),
        sa.Column("enough", columns.Int, nullable=True),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.CheckConstraint("low >= 0 AND enough >= low", name=op.f("ck_thresholds_figures")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_thresholds_item")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_thresholds_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thresholds")),
        sqlite_strict=True,
    )
    op.create_index("ix_thresholds_pair", "thresholds", ["item", "station", "id"], unique=False)


def _alert_marks() -> None:
    op.create_table(
        "alert_marks",
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("account", columns.Id(), nullable=False),
        sa.Column("seen_at", columns.Instant(), nullable=False),
        sa.Column("taken_at", columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("condition", "account", name=op.f("pk_alert_marks")),
        sqlite_strict=True,
    )


def _facts_edition() -> None:
    op.create_table(
        "facts_edition",
        sa.Column("id", columns.Int, autoincrement=False, nullable=False),
        sa.Column("number", columns.Int, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_facts_edition_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facts_edition")),
        sqlite_strict=True,
    )
    op.execute("INSERT INTO facts_edition (id, number) VALUES (1, 0)")


def _openings() -> None:
    op.create_table(
        "openings",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("headings", columns.Json(), nullable=False),
        sa.Column("columns", columns.Json(), nullable=False),
        sa.Column("rows", columns.Json(), nullable=False),
        sa.Column("result", columns.Json(), nullable=False),
        sa.Column("looked", columns.Yes(), nullable=False),
        sa.Column("done", columns.Int, nullable=False),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_openings_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_openings")),
        sqlite_strict=True,
    )
    op.create_index("ix_openings_station", "openings", ["station", "digest"], unique=False)


def _kit_bags() -> None:
    op.create_table(
        "kit_bags",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("kit", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("place", columns.Id(), nullable=False),
        sa.Column("batch", columns.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expiry", columns.Day(), nullable=True),
        sa.Column("made_by", columns.Id(), nullable=False),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.Column("ended_by", columns.Id(), nullable=True),
        sa.Column("ended_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["kit"], ["kits.id"], name=op.f("fk_kit_bags_kit")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_kit_bags_place")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_kit_bags_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kit_bags")),
        sa.UniqueConstraint("place", name=op.f("uq_kit_bags_place")),
        sqlite_strict=True,
    )
    op.create_index("ix_kit_bags_station", "kit_bags", ["station", "state", "expiry"], unique=False)
    op.create_index("ix_kit_bags_batch", "kit_bags", ["batch"], unique=False)


def _movements() -> None:
    op.create_table(
        "movements",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("source", columns.Id(), nullable=False),
        sa.Column("target", columns.Id(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", columns.Id(), nullable=False),
        sa.Column("subject", columns.Id(), nullable=True),
        sa.Column("reverses", columns.Id(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_movements_quantity")),
        sa.CheckConstraint("source <> target", name=op.f("ck_movements_moves")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_movements_pack")),
        sa.ForeignKeyConstraint(["reverses"], ["movements.id"], name=op.f("fk_movements_reverses")),
        sa.ForeignKeyConstraint(["source"], ["places.id"], name=op.f("fk_movements_source")),
        sa.ForeignKeyConstraint(["target"], ["places.id"], name=op.f("fk_movements_target")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movements")),
        sa.UniqueConstraint("reverses", name=op.f("uq_movements_reverses")),
        sqlite_strict=True,
    )
    op.create_index("ix_movements_pack", "movements", ["pack", "id"], unique=False)
    op.create_index("ix_movements_subject", "movements", ["subject"], unique=False)


def _transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("source", columns.Id(), nullable=False),
        sa.Column("target", columns.Id(), nullable=False),
        sa.Column("place", columns.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_by", columns.Id(), nullable=False),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.Column("sent_by", columns.Id(), nullable=True),
        sa.Column("sent_at", columns.Instant(), nullable=True),
        sa.Column("over_at", columns.Instant(), nullable=True),
        sa.CheckConstraint("source <> target", name=op.f("ck_transfers_moves")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_transfers_place")),
        sa.ForeignKeyConstraint(["source"], ["stations.id"], name=op.f("fk_transfers_source")),
        sa.ForeignKeyConstraint(["target"], ["stations.id"], name=op.f("fk_transfers_target")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
        sa.UniqueConstraint("place", name=op.f("uq_transfers_place")),
        sqlite_strict=True,
    )
    op.create_index("ix_transfers_source", "transfers", ["source", "state"], unique=False)
    op.create_index("ix_transfers_target", "transfers", ["target", "state"], unique=False)


def _transfer_wishes() -> None:
    op.create_table(
        "transfer_wishes",
        sa.Column("transfer", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_transfer_wishes_quantity")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_transfer_wishes_item")),
        sa.ForeignKeyConstraint(["transfer"], ["transfers.id"], name=op.f("fk_transfer_wishes_transfer")),
        sa.PrimaryKeyConstraint("transfer", "item", name=op.f("pk_transfer_wishes")),
        sqlite_strict=True,
    )


def _transfer_steps() -> None:
    op.create_table(
        "transfer_steps",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("transfer", columns.Id(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=True),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_transfer_steps_quantity")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_transfer_steps_pack")),
        sa.ForeignKeyConstraint(["transfer"], ["transfers.id"], name=op.f("fk_transfer_steps_transfer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_steps")),
        sqlite_strict=True,
    )
    op.create_index("ix_transfer_steps_transfer", "transfer_steps", ["transfer"], unique=False)


def _losses() -> None:
    op.create_table(
        "losses",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("decided_by", columns.Id(), nullable=True),
        sa.Column("decided_at", columns.Instant(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_losses_quantity")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_losses_pack")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_losses_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_losses")),
        sqlite_strict=True,
    )
    op.create_index("ix_losses_station", "losses", ["station", "state"], unique=False)


def _disposals() -> None:
    op.create_table(
        "disposals",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("place", columns.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seal", sa.Text(), nullable=False),
        sa.Column("grams", columns.Int, nullable=False),
        sa.Column("sealed_by", columns.Id(), nullable=False),
        sa.Column("sealed_at", columns.Instant(), nullable=False),
        sa.Column("witness", columns.Id(), nullable=True),
        sa.Column("witness_role", sa.Text(), nullable=False),
        sa.Column("witnessed_at", columns.Instant(), nullable=True),
        sa.Column("taker", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("taken_on", columns.Day(), nullable=True),
        sa.Column("handed_by", columns.Id(), nullable=True),
        sa.Column("handed_at", columns.Instant(), nullable=True),
        sa.CheckConstraint("grams > 0", name=op.f("ck_disposals_grams")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_disposals_place")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_disposals_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposals")),
        sa.UniqueConstraint("place", name=op.f("uq_disposals_place")),
        sqlite_strict=True,
    )
    op.create_index("ix_disposals_station", "disposals", ["station"], unique=False)


def _disposal_lines() -> None:
    op.create_table(
        "disposal_lines",
        sa.Column("disposal", columns.Id(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_disposal_lines_quantity")),
        sa.ForeignKeyConstraint(["disposal"], ["disposals.id"], name=op.f("fk_disposal_lines_disposal")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_disposal_lines_pack")),
        sa.PrimaryKeyConstraint("disposal", "pack", name=op.f("pk_disposal_lines")),
        sqlite_strict=True,
    )


def _release_decisions() -> None:
    op.create_table(
        "release_decisions",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_release_decisions_pack")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_decisions")),
        sqlite_strict=True,
    )
    op.create_index("ix_release_decisions_at", "release_decisions", ["at"], unique=False)
    op.create_index("ix_release_decisions_pack", "release_decisions", ["pack"], unique=False)


def _teams() -> None:
    op.create_table(
        "teams",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("place", columns.Id(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_teams_community")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_teams_place")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_teams_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("name", name=op.f("uq_teams_name")),
        sqlite_strict=True,
    )


def _households() -> None:
    op.create_table(
        "households",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("building", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("team", columns.Id(), nullable=False),
        sa.Column("serial", columns.Int, nullable=False),
        sa.Column("floor", columns.Int, nullable=False),
        sa.Column("lift", columns.Yes(), nullable=False),
        sa.ForeignKeyConstraint(["building"], ["buildings.id"], name=op.f("fk_households_building")),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_households_community")),
        sa.ForeignKeyConstraint(["team"], ["teams.id"], name=op.f("fk_households_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_households")),
        sa.UniqueConstraint("serial", name=op.f("uq_households_serial")),
        sqlite_strict=True,
    )
    op.create_index("ix_households_team", "households", ["team"], unique=False)


def _rounds() -> None:
    op.create_table(
        "rounds",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("team", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("day", columns.Day(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("planned_by", columns.Id(), nullable=False),
        sa.Column("planned_at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_rounds_community")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_rounds_station")),
        sa.ForeignKeyConstraint(["team"], ["teams.id"], name=op.f("fk_rounds_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rounds")),
        sqlite_strict=True,
    )
    op.create_index("ix_rounds_team", "rounds", ["team", "day"], unique=False)


def _team_members() -> None:
    op.create_table(
        "team_members",
        sa.Column("team", columns.Id(), nullable=False),
        sa.Column("account", columns.Id(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_team_members_account")),
        sa.ForeignKeyConstraint(["team"], ["teams.id"], name=op.f("fk_team_members_team")),
        sa.PrimaryKeyConstraint("team", "account", name=op.f("pk_team_members")),
        sqlite_strict=True,
    )


def _parcels() -> None:
    op.create_table(
        "parcels",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("household", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("team", columns.Id(), nullable=False),
        sa.Column("plan", columns.Id(), nullable=True),
        sa.Column("place", columns.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("round", columns.Id(), nullable=True),
        sa.Column("position", columns.Int, nullable=True),
        sa.Column("carrier", columns.Id(), nullable=True),
        sa.Column("out_since", columns.Instant(), nullable=True),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_parcels_community")),
        sa.ForeignKeyConstraint(["household"], ["households.id"], name=op.f("fk_parcels_household")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_parcels_place")),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_parcels_plan")),
        sa.ForeignKeyConstraint(["round"], ["rounds.id"], name=op.f("fk_parcels_round")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_parcels_station")),
        sa.ForeignKeyConstraint(["team"], ["teams.id"], name=op.f("fk_parcels_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcels")),
        sqlite_strict=True,
    )
    op.create_index("ix_parcels_household", "parcels", ["household"], unique=False)
    op.create_index("ix_parcels_round", "parcels", ["round"], unique=False)
    op.create_index("ix_parcels_station", "parcels", ["station", "state"], unique=False)


def _residents() -> None:
    op.create_table(
        "residents",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("household", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("groups", columns.Json(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column("phone_blind", sa.LargeBinary(), nullable=True),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("health", sa.LargeBinary(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("consent_version", sa.Text(), nullable=False),
        sa.Column("consent_on", columns.Day(), nullable=False),
        sa.Column("health_consent", columns.Yes(), nullable=False),
        sa.Column("demo", columns.Yes(), nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_residents_community")),
        sa.ForeignKeyConstraint(["household"], ["households.id"], name=op.f("fk_residents_household")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_residents")),
        sqlite_strict=True,
    )
    op.create_index("ix_residents_community", "residents", ["community"], unique=False)
    op.create_index("ix_residents_household", "residents", ["household"], unique=False)
    op.create_index(op.f("ix_residents_phone_blind"), "residents", ["phone_blind"], unique=False)


def _confirmations() -> None:
    op.create_table(
        "confirmations",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("parcel", columns.Id(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ticks", columns.Json(), nullable=False),
        sa.Column("effective", columns.Yes(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("phone_at", columns.Instant(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["parcel"], ["parcels.id"], name=op.f("fk_confirmations_parcel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmations")),
        sqlite_strict=True,
    )
    op.create_index("ix_confirmations_parcel", "confirmations", ["parcel"], unique=False)


def _needs() -> None:
    op.create_table(
        "needs",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("resident", columns.Id(), nullable=False),
        sa.Column("household", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=True),
        sa.Column("kit", columns.Id(), nullable=True),
        sa.Column("substitutes", columns.Json(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=True),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", columns.Instant(), nullable=False),
        sa.Column("recorded_by", columns.Id(), nullable=False),
        sa.Column("closed_at", columns.Instant(), nullable=True),
        sa.CheckConstraint("(item IS NULL) <> (kit IS NULL)", name=op.f("ck_needs_item_or_kit")),
        sa.CheckConstraint("quantity IS NULL OR quantity > 0", name=op.f("ck_needs_quantity")),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_needs_community")),
        sa.ForeignKeyConstraint(["household"], ["households.id"], name=op.f("fk_needs_household")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_needs_item")),
        sa.ForeignKeyConstraint(["kit"], ["kits.id"], name=op.f("fk_needs_kit")),
        sa.ForeignKeyConstraint(["resident"], ["residents.id"], name=op.f("fk_needs_resident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_needs")),
        sqlite_strict=True,
    )
    op.create_index("ix_needs_resident", "needs", ["resident"], unique=False)
    op.create_index("ix_needs_state", "needs", ["state", "community"], unique=False)


def _parcel_steps() -> None:
    op.create_table(
        "parcel_steps",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("parcel", columns.Id(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("detail", columns.Json(), nullable=False),
        sa.ForeignKeyConstraint(["parcel"], ["parcels.id"], name=op.f("fk_parcel_steps_parcel")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_steps")),
        sqlite_strict=True,
    )
    op.create_index("ix_parcel_steps_parcel", "parcel_steps", ["parcel", "id"], unique=False)


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("plan", columns.Id(), nullable=False),
        sa.Column("need", columns.Id(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("item", columns.Id(), nullable=True),
        sa.Column("lot", columns.Id(), nullable=True),
        sa.Column("station", columns.Id(), nullable=True),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("rank", columns.Int, nullable=False),
        sa.Column("tier", columns.Int, nullable=False),
        sa.Column("release_by", sa.Text(), nullable=True),
        sa.Column("reasons", columns.Json(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_decisions_item")),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_decisions_lot")),
        sa.ForeignKeyConstraint(["need"], ["needs.id"], name=op.f("fk_decisions_need")),
        sa.ForeignKeyConstraint(["plan"], ["plans.id"], name=op.f("fk_decisions_plan")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_decisions_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sqlite_strict=True,
    )
    op.create_index("ix_decisions_need", "decisions", ["need"], unique=False)
    op.create_index("ix_decisions_plan", "decisions", ["plan", "outcome"], unique=False)


def _parcel_lines() -> None:
    op.create_table(
        "parcel_lines",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("parcel", columns.Id(), nullable=False),
        sa.Column("need", columns.Id(), nullable=False),
        sa.Column("resident", columns.Id(), nullable=False),
        sa.Column("decision", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("lot", columns.Id(), nullable=False),
        sa.Column("pack", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("release_by", sa.Text(), nullable=True),
        sa.Column("bag", columns.Id(), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_parcel_lines_quantity")),
        sa.ForeignKeyConstraint(["bag"], ["kit_bags.id"], name=op.f("fk_parcel_lines_bag")),
        sa.ForeignKeyConstraint(["decision"], ["decisions.id"], name=op.f("fk_parcel_lines_decision")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_parcel_lines_item")),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_parcel_lines_lot")),
        sa.ForeignKeyConstraint(["need"], ["needs.id"], name=op.f("fk_parcel_lines_need")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_parcel_lines_pack")),
        sa.ForeignKeyConstraint(["parcel"], ["parcels.id"], name=op.f("fk_parcel_lines_parcel")),
        sa.ForeignKeyConstraint(["resident"], ["residents.id"], name=op.f("fk_parcel_lines_resident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parcel_lines")),
        sqlite_strict=True,
    )
    op.create_index("ix_parcel_lines_need", "parcel_lines", ["need"], unique=False)
    op.create_index("ix_parcel_lines_pack", "parcel_lines", ["pack"], unique=False)
    op.create_index("ix_parcel_lines_parcel", "parcel_lines", ["parcel"], unique=False)


def _given() -> None:
    op.create_table(
        "given",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("resident", columns.Id(), nullable=False),
        sa.Column("household", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("line", columns.Id(), nullable=False),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("day", columns.Day(), nullable=False),
        sa.ForeignKeyConstraint(["household"], ["households.id"], name=op.f("fk_given_household")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_given_item")),
        sa.ForeignKeyConstraint(["line"], ["parcel_lines.id"], name=op.f("fk_given_line")),
        sa.ForeignKeyConstraint(["resident"], ["residents.id"], name=op.f("fk_given_resident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_given")),
        sa.UniqueConstraint("line", name=op.f("uq_given_line")),
        sqlite_strict=True,
    )
    op.create_index("ix_given_day", "given", ["day"], unique=False)
    op.create_index("ix_given_household", "given", ["household"], unique=False)
    op.create_index("ix_given_resident", "given", ["resident", "day"], unique=False)


def _medic_decisions() -> None:
    op.create_table(
        "medic_decisions",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("line", columns.Id(), nullable=False),
        sa.Column("resident", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=False),
        sa.Column("released", columns.Yes(), nullable=False),
        sa.Column("doctor", columns.Yes(), nullable=False),
        sa.Column("ruleset", sa.Text(), nullable=False),
        sa.Column("seen", sa.LargeBinary(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_medic_decisions_item")),
        sa.ForeignKeyConstraint(["line"], ["parcel_lines.id"], name=op.f("fk_medic_decisions_line")),
        sa.ForeignKeyConstraint(["resident"], ["residents.id"], name=op.f("fk_medic_decisions_resident")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_medic_decisions")),
        sqlite_strict=True,
    )
    op.create_index("ix_medic_decisions_line", "medic_decisions", ["line"], unique=False)
    op.create_index("ix_medic_decisions_resident", "medic_decisions", ["resident"], unique=False)


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("sign", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", columns.Id(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("scan", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=True),
        sa.Column("station", columns.Id(), nullable=True),
        sa.Column("team", columns.Id(), nullable=True),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("closed_at", columns.Instant(), nullable=True),
        sa.Column("closed_by", columns.Id(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name=op.f("ck_incidents_closed_with_an_outcome")),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_incidents_community")),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_incidents_station")),
        sa.ForeignKeyConstraint(["team"], ["teams.id"], name=op.f("fk_incidents_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sqlite_strict=True,
    )
    op.create_index("ix_incidents_community", "incidents", ["community", "id"], unique=False)
    op.create_index("ix_incidents_scan", "incidents", ["scan"], unique=False)
    op.create_index(
        "ix_incidents_one_open",
        "incidents",
        ["subject", "sign"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _incident_things() -> None:
    op.create_table(
        "incident_things",
        sa.Column("incident", columns.Id(), nullable=False),
        sa.Column("thing", columns.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident"], ["incidents.id"], name=op.f("fk_incident_things_incident")),
        sa.PrimaryKeyConstraint("incident", "thing", name=op.f("pk_incident_things")),
        sqlite_strict=True,
    )
    op.create_index("ix_incident_things_thing", "incident_things", ["thing"], unique=False)


def _recalls() -> None:
    op.create_table(
        "recalls",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("severity", columns.Int, nullable=False),
        sa.Column("advice", sa.Text(), nullable=False),
        sa.Column("opened_by", columns.Id(), nullable=False),
        sa.Column("opened_at", columns.Instant(), nullable=False),
        sa.Column("closed_by", columns.Id(), nullable=True),
        sa.Column("closed_at", columns.Instant(), nullable=True),
        sa.Column("withdrawn", columns.Yes(), nullable=False),
        sa.Column("report", columns.Json(), nullable=True),
        sa.CheckConstraint("severity BETWEEN 1 AND 3", name=op.f("ck_recalls_severity")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recalls")),
        sqlite_strict=True,
    )


def _recall_criteria() -> None:
    op.create_table(
        "recall_criteria",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("recall", columns.Id(), nullable=False),
        sa.Column("item", columns.Id(), nullable=True),
        sa.Column("gtin", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("lot_number", sa.Text(), nullable=False),
        sa.Column("stated", columns.Yes(), nullable=False),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_recall_criteria_item")),
        sa.ForeignKeyConstraint(["recall"], ["recalls.id"], name=op.f("fk_recall_criteria_recall")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall_criteria")),
        sqlite_strict=True,
    )
    op.create_index("ix_recall_criteria_item", "recall_criteria", ["item", "lot_number"], unique=False)
    op.create_index("ix_recall_criteria_recall", "recall_criteria", ["recall"], unique=False)


def _recall_calls() -> None:
    op.create_table(
        "recall_calls",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("recall", columns.Id(), nullable=False),
        sa.Column("line", columns.Id(), nullable=False),
        sa.Column("outcome", sa.LargeBinary(), nullable=False),
        sa.Column("settled", columns.Yes(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["line"], ["parcel_lines.id"], name=op.f("fk_recall_calls_line")),
        sa.ForeignKeyConstraint(["recall"], ["recalls.id"], name=op.f("fk_recall_calls_recall")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recall_calls")),
        sqlite_strict=True,
    )
    op.create_index("ix_recall_calls_recall", "recall_calls", ["recall", "line"], unique=False)


def _appeals() -> None:
    op.create_table(
        "appeals",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("community", columns.Id(), nullable=True),
        sa.Column("until", columns.Day(), nullable=False),
        sa.Column("withdrawn", columns.Yes(), nullable=False),
        sa.Column("body", columns.Json(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["community"], ["communities.id"], name=op.f("fk_appeals_community")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeals")),
        sqlite_strict=True,
    )


def _stocktakes() -> None:
    op.create_table(
        "stocktakes",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("station", columns.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_by", columns.Id(), nullable=False),
        sa.Column("opened_at", columns.Instant(), nullable=False),
        sa.Column("counted_at", columns.Instant(), nullable=True),
        sa.Column("ended_by", columns.Id(), nullable=True),
        sa.Column("ended_at", columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(["station"], ["stations.id"], name=op.f("fk_stocktakes_station")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stocktakes")),
        sqlite_strict=True,
    )
    op.create_index("ix_stocktakes_station", "stocktakes", ["station", "state"], unique=False)


def _stocktake_places() -> None:
    op.create_table(
        "stocktake_places",
        sa.Column("stocktake", columns.Id(), nullable=False),
        sa.Column("place", columns.Id(), nullable=False),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_stocktake_places_place")),
        sa.ForeignKeyConstraint(["stocktake"], ["stocktakes.id"], name=op.f("fk_stocktake_places_stocktake")),
        sa.PrimaryKeyConstraint("stocktake", "place", name=op.f("pk_stocktake_places")),
        sqlite_strict=True,
    )


def _stocktake_lines() -> None:
    op.create_table(
        "stocktake_lines",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("stocktake", columns.Id(), nullable=False),
        sa.Column("place", columns.Id(), nullable=False),
        sa.Column("lot", columns.Id(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("round", columns.Int, nullable=False),
        sa.Column("rounds", columns.Json(), nullable=False),
        sa.Column("counters", columns.Json(), nullable=False),
        sa.Column("started_by", columns.Id(), nullable=True),
        sa.Column("started_at", columns.Instant(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("decided_by", columns.Id(), nullable=True),
        sa.Column("decided_at", columns.Instant(), nullable=True),
        sa.Column("batch", columns.Id(), nullable=True),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_stocktake_lines_lot")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_stocktake_lines_place")),
        sa.ForeignKeyConstraint(["stocktake"], ["stocktakes.id"], name=op.f("fk_stocktake_lines_stocktake")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stocktake_lines")),
        sqlite_strict=True,
    )
    op.create_index("ix_stocktake_lines_batch", "stocktake_lines", ["batch"], unique=False)
    op.create_index("ix_stocktake_lines_stocktake", "stocktake_lines", ["stocktake"], unique=False)


def _stocktake_scans() -> None:
    op.create_table(
        "stocktake_scans",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("stocktake", columns.Id(), nullable=False),
        sa.Column("place", columns.Id(), nullable=False),
        sa.Column("line", columns.Id(), nullable=True),
        sa.Column("round", columns.Int, nullable=False),
        sa.Column("pack", columns.Id(), nullable=True),
        sa.Column("item", columns.Id(), nullable=True),
        sa.Column("called", sa.Text(), nullable=False),
        sa.Column("lot_number", sa.Text(), nullable=False),
        sa.Column("expiry", columns.Day(), nullable=True),
        sa.Column("quantity", columns.Int, nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.Column("sent_at", columns.Instant(), nullable=False),
        sa.Column("withdraws", columns.Id(), nullable=True),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_stocktake_scans_quantity")),
        sa.ForeignKeyConstraint(["item"], ["items.id"], name=op.f("fk_stocktake_scans_item")),
        sa.ForeignKeyConstraint(["line"], ["stocktake_lines.id"], name=op.f("fk_stocktake_scans_line")),
        sa.ForeignKeyConstraint(["pack"], ["packs.id"], name=op.f("fk_stocktake_scans_pack")),
        sa.ForeignKeyConstraint(["place"], ["places.id"], name=op.f("fk_stocktake_scans_place")),
        sa.ForeignKeyConstraint(["stocktake"], ["stocktakes.id"], name=op.f("fk_stocktake_scans_stocktake")),
        sa.ForeignKeyConstraint(["withdraws"], ["stocktake_scans.id"], name=op.f("fk_stocktake_scans_withdraws")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stocktake_scans")),
        sa.UniqueConstraint("withdraws", name=op.f("uq_stocktake_scans_withdraws")),
        sqlite_strict=True,
    )
    op.create_index("ix_stocktake_scans_stocktake", "stocktake_scans", ["stocktake", "place"], unique=False)


def _reversals() -> None:
    op.create_table(
        "reversals",
        sa.Column("id", columns.Id(), nullable=False),
        sa.Column("movement", columns.Id(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("movements", columns.Int, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", columns.Id(), nullable=False),
        sa.Column("at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["movement"], ["movements.id"], name=op.f("fk_reversals_movement")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reversals")),
        sqlite_strict=True,
    )
    op.create_index("ix_reversals_movement", "reversals", ["movement"], unique=False)
