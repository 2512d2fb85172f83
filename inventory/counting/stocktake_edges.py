"""The pages of stocktakes: open one, count with the phone, decide at the desk, print the report."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID, uuid5

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter

from app.base.edges import Call, Form
from app.base.errors import Invalid, NotFound, NothingTicked, Refusal
from app.base.fields import PLAIN
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory.cataloguing import catalogue
from inventory.counting import comparing, stocktake, stocktake_views, variance, variance_views
from inventory.counting.comparing import Finish, Recount
from inventory.counting.stocktake import CountFound, CountScan, OpenStocktake, Tally, Withdraw
from inventory.counting.stocktake_api import COUNTS, DECIDES, EITHER
from inventory.counting.variance import ApproveCount, EndStocktake, LineWord, RefuseCount, WhyVariance
from inventory.moving.transfer_pages import when

Words = Annotated[str, QueryParameter(max_length=60, pattern=PLAIN)]


async def _list(call: Call, no: Refusal | None = None) -> Response[str]:
    return call.page(
        "inventory/counting/stocktakes.html",
        status=no.status if no else 200,
        stocktakes=await call.read(stocktake_views.listed, call.actor),
        places=await call.read(stocktake_views.openable, call.actor),
        counts=call.actor.may(Permission.COUNT_STOCK),
        when=when(call),
        new_key=new_id,
        refusal=no,
    )


@get("/stocktakes", guards=[EITHER], include_in_schema=False)
async def stocktakes_page(call: NamedDependency[Call]) -> Response[str]:
    """Open stocktakes with their progress, and the form to begin one."""
    return await _list(call)


@post("/stocktakes", guards=[EITHER], include_in_schema=False)
async def open_here(call: NamedDependency[Call]) -> Response[Any]:
    """Begin to count the ticked places of a station, or all of it."""
    form = await call.form()
    form["places"] = form.pop("place", [])
    try:
        made = await call.write(stocktake.open_stocktake, call.filled(OpenStocktake, form), call.actor, call.now)
    except Refusal as no:
        return await _list(call, no)
    return call.go(f"/stocktakes/{made}")


async def _sheet(call: Call, wanted: UUID, no: Refusal | None = None) -> Response[str]:
    sheet = await call.read(stocktake_views.sheet, wanted, call.actor)
    return call.page(
        "inventory/counting/stocktake.html",
        status=no.status if no else 200,
        sheet=sheet,
        counts=call.actor.may(Permission.COUNT_STOCK),
        decides=call.actor.may(Permission.APPROVE_COUNT),
        when=when(call),
        new_key=new_id,
        refusal=no,
    )


@get("/stocktakes/{wanted:uuid}", guards=[EITHER], include_in_schema=False)
async def stocktake_page(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[str]:
    """A stocktake: its places, what must be counted again, and what comes next."""
    return await _sheet(call, wanted)


# ---------------------------------------------------------------- counting


async def _count(
    call: Call,
    wanted: UUID,
    place: UUID,
    line: UUID | None,
    *,
    q: str = "",
    told: Tally | None = None,
    no: Refusal | None = None,
    given: Form | None = None,
) -> Response[str]:
    sheet = await call.read(stocktake_views.sheet, wanted, call.actor, line=line, place=place)
    here = next((one for one in sheet.places if one.id == place), None)
    again = tuple(one for one in sheet.recounts if (one.line == line if line else one.mine and one.place == place))
    if here is None or (not again and (line is not None or sheet.row.counted)):
        raise NotFound
    faults = no.faults if isinstance(no, Invalid) else ()
    return call.page(
        "inventory/counting/stocktake_count.html",
        status=no.status if no else 200,
        sheet=sheet,
        place=here,
        again=again,
        recount=again[0] if len(again) == 1 else None,
        told=told,
        q=q,
        matches=await call.read(catalogue.find, q) if q else (),
        given=given or {},
        errors=[(name.rpartition(".")[2], call.say(f"fault.{code}", **params)) for name, code, params in faults],
        refusal=None if faults else no,
        first_year=call.today.year,
        new_key=new_id,
    )


@get("/stocktakes/{wanted:uuid}/count/{place:uuid}", guards=[COUNTS], include_in_schema=False)
async def count_page(
    call: NamedDependency[Call],
    wanted: FromPath[UUID],
    place: FromPath[UUID],
    line: FromQuery[UUID | None] = None,
    q: Words = "",
) -> Response[str]:
    """Count by scanning; stays open."""
    return await _count(call, wanted, place, line, q=q)


def _line(form: Form) -> UUID | None:
    try:
        return UUID(form["line"][0]) if form.get("line", [""])[0] else None
    except ValueError:
        raise Invalid(("line", "identifier", {})) from None


def _back(wanted: UUID, place: UUID, line: UUID | None) -> str:
    return f"/stocktakes/{wanted}/count/{place}" + (f"?line={line}" if line else "")


@post("/stocktakes/{wanted:uuid}/count/{place:uuid}", guards=[COUNTS], include_in_schema=False)
async def count_here(call: NamedDependency[Call], wanted: FromPath[UUID], place: FromPath[UUID]) -> Response[Any]:
    """One scan where no script runs: a bag is asked for its units."""
    form = await call.form()
    form.pop("format", None)
    line = _line(form)
    try:
        order = call.filled(CountScan, form, stocktake=wanted, place=place)
        told = await call.write(stocktake.scan, order, call.actor, call.now)
    except Refusal as no:
        return await _count(call, wanted, place, line, no=no, given=form)
    if told.ask:
        return await _count(call, wanted, place, line, told=told, given=form)
    return call.go(_back(wanted, place, line))


@post("/stocktakes/{wanted:uuid}/count/{place:uuid}/found", guards=[COUNTS], include_in_schema=False)
async def found_here(call: NamedDependency[Call], wanted: FromPath[UUID], place: FromPath[UUID]) -> Response[Any]:
    """Goods without a readable label."""
    form = await call.form()
    line, q = _line(form), (form.pop("q", None) or [""])[0]
    try:
        order = call.filled(CountFound, form, stocktake=wanted, place=place)
        await call.write(stocktake.found, order, call.actor, call.now)
    except Refusal as no:
        return await _count(call, wanted, place, line, q=q, no=no, given=form)
    return call.go(_back(wanted, place, line))


@post("/stocktakes/{wanted:uuid}/count/{place:uuid}/withdraw", guards=[COUNTS], include_in_schema=False)
async def withdraw_here(call: NamedDependency[Call], wanted: FromPath[UUID], place: FromPath[UUID]) -> Response[Any]:
    """Take one's own scan back."""
    form = await call.form()
    line = _line(form)
    try:
        fields = {name: form[name] for name in ("key", "scan") if name in form}
        await call.write(stocktake.withdraw, call.filled(Withdraw, fields), call.actor, call.now)
    except Refusal as no:
        return await _count(call, wanted, place, line, no=no)
    return call.go(_back(wanted, place, line))


@post("/stocktakes/{wanted:uuid}/finish", guards=[EITHER], include_in_schema=False)
async def finish_here(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[Any]:
    """End the first count."""
    form = await call.form()
    try:
        order = call.filled(Finish, form, stocktake=wanted)
        await call.write(comparing.finish, order, call.actor, call.now)
    except Refusal as no:
        return await _sheet(call, wanted, no)
    return call.go(f"/stocktakes/{wanted}")


@post("/stocktakes/{wanted:uuid}/recount/{line:uuid}", guards=[COUNTS], include_in_schema=False)
async def recount_here(call: NamedDependency[Call], wanted: FromPath[UUID], line: FromPath[UUID]) -> Response[Any]:
    """Take a line to be counted again, or end that."""
    form = await call.form()
    done = form.pop("done", None) is not None
    form.pop("place", None)
    try:
        order = call.filled(Recount, form, line=line)
        verb = comparing.finish_recount if done else comparing.start_recount
        await call.write(verb, order, call.actor, call.now)
    except Refusal as no:
        return await _sheet(call, wanted, no)
    if done:
        return call.go(f"/stocktakes/{wanted}")
    sheet = await call.read(stocktake_views.sheet, wanted, call.actor)
    place = next(one.place for one in sheet.recounts if one.line == line)
    return call.go(_back(wanted, place, line))


@post("/stocktakes/{wanted:uuid}/recounts/{place:uuid}", guards=[COUNTS], include_in_schema=False)
async def recount_place(call: NamedDependency[Call], wanted: FromPath[UUID], place: FromPath[UUID]) -> Response[Any]:
    """Take everything of a place that this person may count again, or end all of it."""
    form = await call.form()
    done = form.pop("done", None) is not None
    base = call.filled(Recount, form, line=wanted).key
    sheet = await call.read(stocktake_views.sheet, wanted, call.actor)
    lines = [one for one in sheet.recounts if one.place == place and (one.mine if done else one.can)]
    verb = comparing.finish_recount if done else comparing.start_recount
    try:
        for one in lines:
            await call.write(verb, Recount(key=uuid5(base, one.line.hex), line=one.line), call.actor, call.now)
    except Refusal as no:
        return await _sheet(call, wanted, no)
    return call.go(f"/stocktakes/{wanted}" if done else _back(wanted, place, None))


# ---------------------------------------------------------------- deciding


async def _desk(call: Call, wanted: UUID, no: Refusal | None = None, **more: Any) -> Response[str]:
    return call.page(
        "inventory/counting/stocktake_desk.html",
        status=no.status if no else 200,
        desk=await call.read(variance_views.desk, wanted, call.actor),
        whys=tuple(WhyVariance),
        when=when(call),
        new_key=new_id,
        refusal=no,
        prints=call.actor.may(Permission.PRINT_LABELS),
        **{"done": None, "given": {}, **more},
    )


@get("/stocktakes/{wanted:uuid}/desk", guards=[DECIDES], include_in_schema=False)
async def desk_page(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[str]:
    """Every difference, and the word on it."""
    return await _desk(call, wanted)


@post("/stocktakes/{wanted:uuid}/desk", guards=[DECIDES], include_in_schema=False, status_code=200)
async def decide_here(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[Any]:
    """Correct the ticked lines, or have them counted again."""
    form = await call.form()
    try:
        ticked = form.get("line", [])
        if not ticked:
            raise NothingTicked
        key = {"key": form.get("key", [])}
        if "again" in form:
            refused = call.filled(RefuseCount, key, stocktake=wanted, lines=ticked, note=form.get("note", [""])[0])
            await call.write(variance.refuse, refused, call.actor, call.now)
            return call.go(f"/stocktakes/{wanted}/desk")
        words = tuple(_word(call, form, line) for line in ticked)
        order = call.filled(ApproveCount, key, stocktake=wanted, lines=words)
        done = await call.write(variance.approve, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _desk(call, wanted, no, given=form)
    return await _desk(call, wanted, done=done)


def _word(call: Call, form: Form, line: str) -> LineWord:
    return call.filled(LineWord, {"why": form.get(f"why-{line}", []), "note": form.get(f"note-{line}", [])}, line=line)


@post("/stocktakes/{wanted:uuid}/end", guards=[DECIDES], include_in_schema=False)
async def end_here(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[Any]:
    """End it, leaving open differences as they are; while it is counted, call it off."""
    form = await call.form()
    try:
        order = call.filled(EndStocktake, form, stocktake=wanted)
        await call.write(variance.end, order, call.actor, call.now)
    except Refusal as no:
        return await _sheet(call, wanted, no)
    return call.go(f"/stocktakes/{wanted}")


@get("/stocktakes/{wanted:uuid}/report", guards=[EITHER], include_in_schema=False)
async def report_page(call: NamedDependency[Call], wanted: FromPath[UUID]) -> Response[str]:
    """The 盘点表, to print and sign."""
    return call.page(
        "inventory/counting/stocktake_report.html",
        row=await call.read(stocktake_views.row_of, wanted, call.actor),
        rows=await call.read(variance_views.report, wanted, call.actor),
        when=when(call),
    )


handlers: list[BaseRouteHandler] = [
    stocktakes_page,
    open_here,
    stocktake_page,
    count_page,
    count_here,
    found_here,
    withdraw_here,
    finish_here,
    recount_here,
    recount_place,
    desk_page,
    decide_here,
    end_here,
    report_page,
]
