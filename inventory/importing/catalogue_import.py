"""The import of a goods file: uploaded once, checked, shown, applied in small parts, and never half a row of it.

Parts are judged in readers and written one by one; each is judged again where it is written, so that intake and
corrections go on meanwhile. Who stops in the middle goes on where it stopped.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.base import audit, spreadsheets
from app.base.errors import NotFound, Refusal
from app.base.fields import Line, OptionalLine
from app.base.permissions import Actor
from app.base.spreadsheets import Fault as SheetFault
from app.base.spreadsheets import Row, SheetEmpty, text_of
from inventory.cataloguing.catalogue_rows import NEW, Current, ItemRow, Put, Thought, current, put_items, thought
from inventory.cataloguing.item_faults import Fault
from inventory.importing.import_columns import FIELDS, SYNONYMS, guess, is_official, samples
from inventory.importing.import_match import Difference, Given, Judged, Seen, gone_since, judge
from inventory.importing.import_models import ImportEdition, ImportPart, ImportRun, ImportState
from inventory.importing.import_rows import Said, as_new, merged, read_row
from inventory.importing.import_runs import judged, locked, move, packed
from inventory.receiving.intake_facts import Kind

PART = 50
"""Rows of a part: what one write adds or changes while others wait for less than 50 ms."""
KEPT_UNDECIDED = timedelta(days=1)
KEPT_DONE = timedelta(days=30)


class ImportMoved(Refusal):
    """The import is at another step already; nothing was done."""

    code = "IMPORT_MOVED"


class NameColumnMissing(Refusal):
    """No column holds the goods' names, or two hold the same thing."""

    code = "IMPORT_COLUMNS"
    status = 422


class GoodRowsOnly(Refusal):
    """Some rows are faulty: nothing is applied until somebody says that the good ones shall be."""

    code = "IMPORT_FAULTY"
    status = 422


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file, ready to be kept: its table's outline, and its rows packed in parts."""

    sheet: str
    other_sheets: int
    official: bool
    headings: tuple[str, ...]
    samples: tuple[tuple[str, ...], ...]
    comments: tuple[int, ...]
    columns: tuple[str, ...]
    rows: int
    parts: tuple[bytes, ...]


class Columns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What each column holds (a field of ``FIELDS`` or nothing), and what holds for rows that do not say."""

    columns: Annotated[tuple[OptionalLine, ...], msgspec.Meta(max_length=256)]
    kind: Kind = Kind.MEDICINE
    wanted: bool = False
    source: Line


# ---------------------------------------------------------------- the file


def draft(sheets: Sequence[spreadsheets.Sheet]) -> Draft:
    """The sheet that looks most like goods, its columns guessed. Raises SheetEmpty where nothing stands below headings.

    Long for a large file: not for the event loop.
    """
    tables = [spreadsheets.table(sheet, SYNONYMS) for sheet in sheets]
    best = max(tables, key=lambda one: sum(map(bool, guess(one))) if one.rows else -1, default=None)
    if best is None or not best.rows:
        raise SheetEmpty
    return Draft(
        sheet=best.sheet,
        other_sheets=len(tables) - 1,
        official=is_official(best.headings),
        headings=best.headings,
        samples=samples(best),
        comments=best.comments,
        columns=guess(best),
        rows=len(best.rows),
        parts=tuple(packed(_texts(best.rows[at : at + PART])) for at in range(0, len(best.rows), PART)),
    )


def begin(session: Session, run: UUID, file: Draft, source: str, actor: Actor, now: datetime) -> UUID:
    """Keep an uploaded file; ``run`` is the sending's own key, so that a second tap finds the first one's import.

    What was left lying before is cleaned away.
    """
    there = session.execute(select(ImportRun.by).where(ImportRun.id == run)).scalar()
    if there is not None:
        if there != actor.account:
            raise NotFound
        return run
    _clean(session, now)
    session.execute(
        insert(ImportRun).values(
            id=run, by=actor.account, at=now, moved_at=now, state=ImportState.COLUMNS, sheet=file.sheet,
            other_sheets=file.other_sheets, official=file.official, headings=list(file.headings),
            samples=[list(texts) for texts in file.samples], comments=list(file.comments), columns=list(file.columns),
            kind=Kind.MEDICINE.value, wanted=not file.official, source=source, with_faults=False, rows=file.rows,
            parts=len(file.parts), done=0, counts={},
        )
    )  # fmt: skip
    session.execute(
        insert(ImportPart),
        [
            {"run": run, "number": number, "rows": rows, "plan": None, "result": None}
            for number, rows in enumerate(file.parts)
        ],
    )
    return run


def _clean(session: Session, now: datetime) -> None:
    """Forget the rows of files that nobody decided about for a day, and of those applied a month ago."""
    old = select(ImportRun.id).where(
        ((ImportRun.state != ImportState.DONE) & (ImportRun.moved_at < now - KEPT_UNDECIDED))
        | (ImportRun.moved_at < now - KEPT_DONE)
    )
    forgotten = (
        session.execute(old.where(ImportRun.state != ImportState.DROPPED).order_by(ImportRun.at).limit(20))
        .scalars()
        .all()
    )
    if forgotten:
        session.execute(delete(ImportPart).where(ImportPart.run.in_(forgotten)))
        session.execute(
            update(ImportRun).where(ImportRun.id.in_(forgotten), ImportRun.state != ImportState.DONE)
            .values(state=ImportState.DROPPED)
        )  # fmt: skip


def _rows(data: bytes) -> tuple[Row, ...]:
    said = msgspec.json.decode(zlib.decompress(data), type=list[tuple[int, tuple[str, ...], tuple[SheetFault, ...]]])
    return tuple(Row(number, cells, faults) for number, cells, faults in said)


def _texts(rows: Sequence[Row]) -> list[tuple[int, list[str], tuple[SheetFault, ...]]]:
    return [(row.number, [text_of(cell) for cell in row.cells], row.faults) for row in rows]


# ---------------------------------------------------------------- steps


def choose_columns(session: Session, run: UUID, chosen: Columns, now: datetime) -> None:
    """Say what the columns hold; the rows are checked next. Raises NameColumnMissing, ImportMoved."""
    was = locked(session, run)
    named = [field for field in chosen.columns if field]
    if "name_zh" not in named or len(named) != len(set(named)) or not set(named) <= set(FIELDS):
        raise NameColumnMissing
    if was.state not in (ImportState.COLUMNS, ImportState.PREVIEW) or len(chosen.columns) != len(was.headings):
        raise ImportMoved
    move(
        session, run, now, state=ImportState.CHECKING, columns=list(chosen.columns), kind=chosen.kind.value,
        wanted=chosen.wanted, source=chosen.source, done=0, counts={},
    )  # fmt: skip


def recheck(session: Session, run: UUID, now: datetime) -> None:
    """Begin the checking anew, which was cut short. Raises ImportMoved."""
    if locked(session, run).state is not ImportState.CHECKING:
        raise ImportMoved
    move(session, run, now, done=0, counts={})


def back_to_columns(session: Session, run: UUID, now: datetime) -> None:
    """Choose the columns again. Raises ImportMoved."""
    if locked(session, run).state is not ImportState.PREVIEW:
        raise ImportMoved
    move(session, run, now, state=ImportState.COLUMNS, done=0, counts={})


def apply(session: Session, run: UUID, good_rows: bool, actor: Actor, now: datetime) -> bool:
    """Let the good rows go in; returns whether this was the tap that began it. Raises GoodRowsOnly, ImportMoved."""
    was = locked(session, run)
    if was.state in (ImportState.APPLYING, ImportState.DONE):
        return False
    if was.state is not ImportState.PREVIEW:
        raise ImportMoved
    faulty = was.counts.get("faulty", 0)
    if faulty and not good_rows:
        raise GoodRowsOnly(faulty=faulty)
    move(session, run, now, state=ImportState.APPLYING, with_faults=bool(faulty), done=0)
    audit.note(session, actor, "catalogue.import", run, now, rows=was.rows, faulty=faulty)
    return True


def drop(session: Session, run: UUID, now: datetime) -> None:
    """Forget the file; nothing of it was applied. Raises ImportMoved."""
    state = locked(session, run).state
    if state is ImportState.DROPPED:
        return
    if state in (ImportState.APPLYING, ImportState.DONE):
        raise ImportMoved
    session.execute(delete(ImportPart).where(ImportPart.run == run))
    move(session, run, now, state=ImportState.DROPPED)


# ---------------------------------------------------------------- part by part


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part about to be checked or applied: as read, as judged before, and, by row, what new goods would be."""

    number: int
    said: tuple[Said, ...]
    plan: tuple[Judged, ...]
    given: Given
    new: dict[int, tuple[ItemRow, Thought]]


def next_part(session: Session, run: UUID, state: ImportState, ahead: int = 0) -> Part | None:
    """The first part that is not done, or so many ``ahead``; None where there is none, or at another step."""
    row = session.execute(
        select(
            ImportRun.columns, ImportRun.kind, ImportRun.wanted, ImportRun.source, ImportPart.number, ImportPart.rows,
            ImportPart.plan,
        )
        .join(ImportPart, (ImportPart.run == ImportRun.id) & (ImportPart.number == ImportRun.done + ahead))
        .where(ImportRun.id == run, ImportRun.state == state)
    ).first()  # fmt: skip
    if row is None:
        return None
    said = tuple(read_row(one, row.columns, Kind(row.kind)) for one in _rows(row.rows))
    given, plan = Given(source=row.source, wanted=row.wanted), judged(row.plan)
    new = {one.number: _new_row(one, given) for one, was in zip(said, plan, strict=False) if was.outcome == "new"}
    thoughts = {number: (made, thought(made)) for number, made in new.items()}
    return Part(number=row.number, said=said, plan=plan, given=given, new=thoughts)


def _new_row(said: Said, given: Given) -> ItemRow:
    facts = as_new(said, said.code or NEW, given.source, given.wanted)
    return ItemRow(facts=facts, approvals=said.approvals, drug_codes=said.drug_codes, barcodes=said.barcodes)


class Checked(msgspec.Struct, frozen=True):
    """What the rows of a part would do, counted and packed."""

    number: int
    counts: Counter[str]
    plan: bytes


def checked(session: Session, part: Part, seen: Seen) -> Checked:
    """What the rows of a part would do; nothing is written."""
    plan = judge(session, part.said, part.given, seen)
    counts = Counter(one.outcome for one in plan) + Counter(kept=sum(bool(one.kept) for one in plan))
    return Checked(part.number, counts, packed(plan))


def keep_check(session: Session, run: UUID, checks: Sequence[Checked], now: datetime) -> bool:
    """Keep what parts that follow each other would do; False where another has checked the first one meanwhile."""
    was = locked(session, run)
    if was.state is not ImportState.CHECKING or was.done != checks[0].number:
        return False
    counts = sum((one.counts for one in checks), Counter(was.counts))
    for one in checks:
        session.execute(
            update(ImportPart).where(ImportPart.run == run, ImportPart.number == one.number).values(plan=one.plan)
        )
    done = checks[-1].number + 1
    last = done == was.parts
    move(session, run, now, done=done, counts=dict(counts), state=ImportState.PREVIEW if last else was.state)
    return not last


def apply_part(session: Session, run: UUID, part: Part, actor: Actor, now: datetime) -> bool:
    """Write the good rows of a part, all in one transaction; False where there is nothing left for the caller to do.

    A row whose item was changed, or whose goods came in, since the preview is left alone and told as a conflict.
    """
    was = locked(session, run)
    if was.state is not ImportState.APPLYING or was.done != part.number:
        return False
    result = _written(session, run, part, actor, now)
    counts = Counter(was.counts) + Counter(_became(one) for one in result)
    session.execute(
        update(ImportPart).where(ImportPart.run == run, ImportPart.number == part.number).values(result=packed(result))
    )
    last = part.number + 1 == was.parts
    move(session, run, now, done=part.number + 1, counts=dict(counts), state=ImportState.DONE if last else was.state)
    return not last


def _became(row: Judged) -> str:
    return {"new": "added", "changes": "changed"}.get(row.outcome, "left")


def _written(session: Session, run: UUID, part: Part, actor: Actor, now: datetime) -> list[Judged]:
    """The rows as they came out, in their order."""
    meant = [
        (said, plan) for said, plan in zip(part.said, part.plan, strict=True) if plan.outcome in ("new", "changes")
    ]
    gone = gone_since(session, [said for said, plan in meant if plan.outcome == "new"])
    there = current(session, [plan.item for _, plan in meant if plan.item is not None])
    known = {number: new for number, new in part.new.items() if number not in gone}
    for said, plan in meant:
        row = _changed_row(said, plan, there) if plan.item is not None else None
        if row is not None:
            known[said.number] = row, thought(row)
    rows, thoughts = zip(*known.values(), strict=True) if known else ((), ())
    puts = dict(zip(known, put_items(session, rows, actor, now, thoughts), strict=True)) if rows else {}
    edition = next((put.edition for put in puts.values() if put.outcome in ("added", "changed")), None)
    if edition is not None:
        session.execute(insert(ImportEdition).values(edition=edition, run=run))
    return [_outcome(plan, puts.get(plan.number)) for plan in part.plan]


def _changed_row(said: Said, plan: Judged, there: dict[UUID, Current]) -> ItemRow | None:
    ours = there.get(plan.item) if plan.item is not None else None
    if ours is None:
        return None
    kept = {one.field for one in plan.kept}
    return ItemRow(
        facts=merged(ours.facts, said, tuple(kept)),
        item=plan.item,
        edition=plan.edition,
        approvals=None if "approvals" in kept else said.approvals,
        drug_codes=None if "drug_codes" in kept else said.drug_codes,
        barcodes=None if "barcodes" in kept else said.barcodes,
    )


def _outcome(plan: Judged, put: Put | None) -> Judged:
    """What became of a row that was judged so."""
    if plan.outcome not in ("new", "changes"):
        return plan
    if put is None or put.outcome == "stale":
        moved = (*plan.kept, *(plan.changes or (Difference("row", "", ""),)))
        return msgspec.structs.replace(plan, outcome="conflict", changes=(), kept=moved)
    if put.outcome == "faulty":
        wrong = tuple(Fault(fault.field, fault.code, fault.value) for fault in put.faults)
        return msgspec.structs.replace(plan, outcome="faulty", faults=wrong)
    outcome = "same" if put.outcome == "unchanged" else plan.outcome
    return msgspec.structs.replace(plan, outcome=outcome, item=put.item, code=put.code)
