"""The ways in to the import of a goods file: a person's pages, and the same steps for a program."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from anyio import to_thread
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, JSONBody, QueryParameter

from app.base import uploads
from app.base.edges import Call, Form, WrongMediaType, may
from app.base.errors import Invalid, Refusal
from app.base.fields import Key
from app.base.ids import new_id
from app.base.permissions import Permission
from app.base.spreadsheets import MOST_BYTES, ROOM, SheetEmpty, SheetTooLarge
from app.base.workbooks import Sheet, workbook
from inventory.cataloguing.item_faults import Fault
from inventory.importing import catalogue_import, import_runs
from inventory.importing.catalogue_import import Columns
from inventory.importing.import_columns import FIELDS
from inventory.importing.import_match import OUTCOMES, Difference, Judged
from inventory.importing.import_models import ImportState
from inventory.importing.import_running import go_on
from inventory.importing.import_runs import Run
from inventory.receiving.intake_facts import Kind

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Show = Annotated[str, QueryParameter(pattern="^(new|changes|same|conflict|faulty|all)?$")]
After = Annotated[int, QueryParameter(ge=0, le=100_000)]
_EDITS = may(Permission.EDIT_CATALOGUE)
_BOUND = MOST_BYTES + uploads.AROUND
_PAGE = 50
_WORDS = {"otc_class": "class", "kind": "kind", "storage": "storage"}


class ApplyImport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``good_rows``: the good rows go in although others are faulty."""

    run: UUID
    good_rows: bool = False


class ImportColumns(Columns, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the columns of an import hold."""

    run: UUID


class ImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the file and what it does; ``faults`` in the reader's words."""

    number: int
    outcome: str
    name: str
    code: str
    changes: tuple[str, ...]
    kept: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass
class TakesSheet(Operation):
    """Says in the OpenAPI document that the body is the file itself."""

    file: ClassVar[Schema] = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")

    def __post_init__(self) -> None:
        """Names the kind of body."""
        content = {"application/octet-stream": OpenAPIMediaType(schema=self.file)}
        self.request_body = RequestBody(content=content, required=True)


# ---------------------------------------------------------------- steps


async def _begun(call: Call, key: UUID, data: bytes) -> UUID:
    """Read the file and keep it; the authority's own list needs no person to say what its columns hold."""
    if not data:
        raise SheetEmpty
    draft = await to_thread.run_sync(catalogue_import.draft, await ROOM.read(data))
    source = call.say("import.source_official" if draft.official else "import.source_file", day=call.today.isoformat())
    run = await call.write(catalogue_import.begin, key, draft, source, call.actor, call.now)
    if draft.official:
        look = await call.read(import_runs.look, run, call.now)
        if look.state is ImportState.COLUMNS:
            await _choose(call, run, Columns(columns=draft.columns, source=source))
    return run


async def _choose(call: Call, run: UUID, chosen: Columns) -> None:
    await call.write(catalogue_import.choose_columns, run, chosen, call.now)
    go_on(call, run, ImportState.CHECKING)


async def _apply(call: Call, run: UUID, good_rows: bool) -> None:
    if await call.write(catalogue_import.apply, run, good_rows, call.actor, call.now):
        go_on(call, run, ImportState.APPLYING)


# ---------------------------------------------------------------- pages


@get("/catalogue/import", guards=[_EDITS], include_in_schema=False)
async def import_start(call: NamedDependency[Call]) -> Response[str]:
    """Choose a file; go on with an earlier one."""
    return await _start(call)


async def _start(call: Call, no: Refusal | None = None) -> Response[str]:
    recent = await call.read(import_runs.recent, call.now)
    status = no.status if no else 200
    return call.page(
        "inventory/importing/import_start.html", status, recent=recent, refusal=no, key=new_id(), when=_when(call)
    )


@post("/catalogue/import", guards=[_EDITS], include_in_schema=False, request_max_body_size=_BOUND)
async def import_file(call: NamedDependency[Call]) -> Response[Any]:
    """Take the file; a file that cannot be read says why, and what to do."""
    try:
        with ROOM.place(call.actor.account):
            got = await uploads.uploaded(call, "file", SheetTooLarge)
            return call.go(f"/catalogue/import/{await _begun(call, _key(got.form), got.data)}")
    except Refusal as no:
        if not no.code.startswith("SHEET"):
            raise
        return await _start(call, no)


def _key(form: Form) -> UUID:
    try:
        return UUID((form.get("key") or [""])[0])
    except ValueError:
        raise Invalid(("key", "identifier", {})) from None


@get("/catalogue/import/{run:uuid}", guards=[_EDITS], include_in_schema=False)
async def import_page(
    call: NamedDependency[Call], run: FromPath[UUID], show: Show = "", after: After = 0
) -> Response[str]:
    """Where the import is: its columns, its check, its preview, how far it is applied, its report."""
    return await _page(call, run, show, after)


async def _page(call: Call, run: UUID, show: str = "", after: int = 0, no: Refusal | None = None) -> Response[str]:
    at = await call.read(import_runs.look, run, call.now)
    status = no.status if no else 200
    if at.state is ImportState.COLUMNS:
        return call.page(
            "inventory/importing/import_columns.html", status, run=at, fields=FIELDS, kinds=tuple(Kind), refusal=no,
        )  # fmt: skip
    rows: tuple[Judged, ...] = ()
    if at.state in (ImportState.PREVIEW, ImportState.DONE):
        show = show or next((one for one in ("faulty", "conflict", "changes", "new") if _many(at, one)), "all")
        rows = await call.read(import_runs.rows_of, run, show, after, _PAGE + 1)
    return call.page(
        "inventory/importing/import_run.html", status, run=at, show=show, rows=rows[:_PAGE], more=len(rows) > _PAGE,
        outcomes=OUTCOMES, many=_many, refusal=no, fault=partial(_fault, call), value=partial(_value, call),
    )  # fmt: skip


def _many(run: Run, outcome: str) -> int:
    return run.counts.get("kept" if outcome == "conflict" else outcome, 0)


@post("/catalogue/import/{run:uuid}/columns", guards=[_EDITS], include_in_schema=False)
async def import_columns(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Say what the columns hold."""
    form = await call.form()
    try:
        at = await call.read(import_runs.look, run, call.now)
        columns = tuple((form.get(f"column_{number}") or [""])[0] for number in range(len(at.headings)))
        await _choose(call, run, call.filled(Columns, form, columns=columns))
    except (catalogue_import.NameColumnMissing, Invalid) as no:
        return await _page(call, run, no=no)
    return call.go(f"/catalogue/import/{run}")


@post("/catalogue/import/{run:uuid}/again", guards=[_EDITS], include_in_schema=False)
async def import_again(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Choose the columns once more."""
    await call.form()
    await call.write(catalogue_import.back_to_columns, run, call.now)
    return call.go(f"/catalogue/import/{run}")


@post("/catalogue/import/{run:uuid}/apply", guards=[_EDITS], include_in_schema=False)
async def import_apply(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Let the good rows go in; a second tap does nothing more."""
    form = await call.form()
    try:
        await _apply(call, run, bool(form.get("good_rows")))
    except catalogue_import.GoodRowsOnly as no:
        return await _page(call, run, no=no)
    return call.go(f"/catalogue/import/{run}")


@post("/catalogue/import/{run:uuid}/go-on", guards=[_EDITS], include_in_schema=False)
async def import_go_on(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Go on with what was cut short."""
    await call.form()
    at = await call.read(import_runs.look, run, call.now)
    if at.stalled:
        if at.state is ImportState.CHECKING:
            await call.write(catalogue_import.recheck, run, call.now)
        go_on(call, run, at.state)
    return call.go(f"/catalogue/import/{run}")


@post("/catalogue/import/{run:uuid}/drop", guards=[_EDITS], include_in_schema=False)
async def import_drop(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[Any]:
    """Forget the file."""
    await call.form()
    await call.write(catalogue_import.drop, run, call.now)
    return call.go("/catalogue/import")


@get("/catalogue/import/{run:uuid}/report.xlsx", guards=[_EDITS], include_in_schema=False)
async def import_report(call: NamedDependency[Call], run: FromPath[UUID]) -> Response[bytes]:
    """Every row of the file and what it did or would do, as a workbook."""
    at = await call.read(import_runs.look, run, call.now)
    rows = await call.read(import_runs.report, run)
    heads = ("number", "outcome", "code", "name", "faults", "changes", "kept")
    sheet = Sheet(
        title=call.say("import.report"),
        headings=tuple(call.say(f"import.head.{one}") for one in heads),
        rows=[_report_row(call, at, one) for one in rows],
    )
    return call.file(await to_thread.run_sync(workbook, [sheet]), XLSX, "import.xlsx")


def _report_row(call: Call, run: Run, row: Judged) -> tuple[str | int, ...]:
    told = _told(call, run, row)
    return (
        told.number, told.outcome, told.code, told.name, "\n".join(told.faults), "\n".join(told.changes),
        "\n".join(told.kept),
    )  # fmt: skip


def _told(call: Call, run: Run, row: Judged) -> ImportRow:
    became = "done" if run.state is ImportState.DONE else "would"
    return ImportRow(
        number=row.number,
        outcome=call.say(f"import.{became}.{row.outcome}"),
        name=row.name,
        code=row.code,
        changes=tuple(_difference(call, "changes", one) for one in row.changes),
        kept=tuple(_difference(call, "kept", one) for one in row.kept),
        faults=tuple(_fault(call, one) for one in row.faults),
    )


def _difference(call: Call, how: str, one: Difference) -> str:
    if one.field == "row":
        return call.say("import.kept_row")
    ours, theirs = (_value(call, one.field, text) for text in (one.ours, one.theirs))
    return call.say(f"import.one_{how}", field=call.say(f"import.item.{one.field}"), ours=ours, theirs=theirs)


def _value(call: Call, field: str, text: str) -> str:
    """A field's value in the reader's words."""
    key = f"{_WORDS[field]}.{text}" if field in _WORDS else ""
    return call.say(key) if key and call.tools.messages.has(key) else text or call.say("import.nothing")


def _fault(call: Call, fault: Fault) -> str:
    known = call.tools.messages.has(f"import.fault.{fault.code}")
    said = call.say(f"import.fault.{fault.code}" if known else f"fault.{fault.code}", value=fault.value)
    field = f"import.field.{fault.field}"
    where = call.say(field) if call.tools.messages.has(field) else call.say(f"import.item.{fault.field}")
    return call.say("import.one_fault", field=where, fault=said)


def _when(call: Call) -> Any:
    zone = ZoneInfo(call.settings.timezone)
    return lambda instant: instant.astimezone(zone).strftime("%Y-%m-%d %H:%M")


# ---------------------------------------------------------------- for programs


@post(
    "/api/catalogue/imports/{key:uuid}",
    operation_id="uploadGoods",
    operation_class=TakesSheet,
    guards=[_EDITS],
    status_code=201,
    request_max_body_size=_BOUND,
)
async def upload_goods(call: NamedDependency[Call], key: FromPath[Key]) -> Run:
    """Read a goods file (XLSX, .xls, CSV, TSV; up to 8 MB and 50,000 rows). The body is the file; ``key`` is yours."""
    if call.request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/octet-stream":
        raise WrongMediaType
    with ROOM.place(call.actor.account):
        run = await _begun(call, key, await uploads.body(call, SheetTooLarge))
    return await call.read(import_runs.look, run, call.now)


@get("/api/catalogue/imports/{run:uuid}", operation_id="readImport", guards=[_EDITS])
async def read_import(call: NamedDependency[Call], run: FromPath[UUID]) -> Run:
    """How far an import is."""
    return await call.read(import_runs.look, run, call.now)


@get("/api/catalogue/imports/{run:uuid}/rows", operation_id="listImportRows", guards=[_EDITS])
async def list_import_rows(
    call: NamedDependency[Call], run: FromPath[UUID], show: Show = "", after: After = 0
) -> list[ImportRow]:
    """Rows behind ``after`` with an outcome, or all: what each would do, or did."""
    at = await call.read(import_runs.look, run, call.now)
    rows = await call.read(import_runs.rows_of, run, show, after, 200)
    return [_told(call, at, row) for row in rows]


@post("/api/catalogue/imports/columns", operation_id="chooseImportColumns", guards=[_EDITS], status_code=200)
async def choose_import_columns(call: NamedDependency[Call], data: JSONBody[ImportColumns]) -> Run:
    """Say what the columns hold; the rows are checked next, beside other work."""
    await _choose(call, data.run, data)
    return await call.read(import_runs.look, data.run, call.now)


@post("/api/catalogue/imports/apply", operation_id="applyImport", guards=[_EDITS], status_code=200)
async def apply_import(call: NamedDependency[Call], data: JSONBody[ApplyImport]) -> Run:
    """Let the good rows go in, beside other work; sent again it does nothing more."""
    await _apply(call, data.run, data.good_rows)
    return await call.read(import_runs.look, data.run, call.now)


handlers: list[BaseRouteHandler] = [
    import_start, import_file, import_page, import_columns, import_again, import_apply, import_go_on, import_drop,
    import_report, upload_goods, read_import, list_import_rows, choose_import_columns, apply_import,
]  # fmt: skip
