"""The ways in to recipes: how many can be made of each, and writing their versions."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.base.edges import Call, Form, may
from app.base.errors import Invalid, NotFound, Refusal
from app.base.ids import new_id
from app.base.permissions import Permission
from inventory.counting import blind
from inventory.kitting import kit_form, kit_recipes, kit_stock, kit_views, kits
from inventory.kitting.kit_recipes import EnactRecipe, RetireRecipe, SaveRecipe
from inventory.kitting.kit_stock import RecipeStock
from inventory.kitting.kits import Recipe, RecipeState, Version

NEW = "new"
_READS, _EDITS = [may(Permission.READ_STOCK)], [may(Permission.EDIT_KITS)]
Wanted = Annotated[int | None, QueryParameter(ge=1, le=100_000)]


async def _versions(call: Call, code: str) -> tuple[Version, ...]:
    return await call.read(kits.versions, code, call.today)


@get("/api/kits/{code:str}/makes", operation_id="readKitStock", guards=_READS)
async def read_kit_stock(call: NamedDependency[Call], code: FromPath[str], wanted: Wanted = None) -> RecipeStock:
    """How many of a recipe the stations in the caller's scope can make, and what is missing for ``wanted`` of them."""
    recipe = await call.read(kits.in_force, code, call.today)
    if recipe is None:
        raise NotFound
    return await call.read(blind.figures, call.actor, kit_stock.stock_of, recipe, call.actor, call.today, wanted=wanted)


@get("/api/kits/{code:str}/versions", operation_id="listKitVersions", guards=_READS)
async def list_versions(call: NamedDependency[Call], code: FromPath[str]) -> tuple[Version, ...]:
    """Every version of a recipe, newest first."""
    return await _versions(call, code)


@post("/api/kits/recipes", operation_id="saveRecipe", guards=_EDITS, status_code=201)
async def save_recipe(call: NamedDependency[Call], data: JSONBody[SaveRecipe]) -> Recipe:
    """Add a recipe, or the next version of one."""
    return await call.write(kit_recipes.save, data, call.actor, call.today, call.now)


@post("/api/kits/enact", operation_id="enactRecipe", guards=_EDITS, status_code=200)
async def enact_recipe(call: NamedDependency[Call], data: JSONBody[EnactRecipe]) -> Recipe:
    """Put a draft into force from a day."""
    return await call.write(kit_recipes.enact, data, call.actor, call.today, call.now)


@post("/api/kits/retire", operation_id="retireRecipe", guards=_EDITS, status_code=200)
async def retire_recipe(call: NamedDependency[Call], data: JSONBody[RetireRecipe]) -> Recipe:
    """End a recipe from a day."""
    kit = await call.write(kit_recipes.retire, data, call.actor, call.today, call.now)
    return await call.read(kits.recipe, kit)


# ---------------------------------------------------------------- pages


@get("/kits", guards=_READS, include_in_schema=False)
async def kits_page(call: NamedDependency[Call]) -> Response[str]:
    """Every recipe: how many can be made now and what keeps it from being more."""
    every = await call.read(kits.every_version, call.today)
    newest = {one.recipe.code: one for one in every}
    there = await call.read(blind.figures, call.actor, kit_stock.all_stock, call.actor, call.today)
    shown = {one.recipe.code for one in there}
    return call.page(
        "inventory/kitting/kits.html",
        stock=there,
        others=tuple(one for code, one in newest.items() if code not in shown),
        edits=call.actor.may(Permission.EDIT_KITS),
        assembles=call.actor.may(Permission.ASSEMBLE),
    )


@get("/kits/{code:str}", guards=_READS, include_in_schema=False)
async def kit_page(call: NamedDependency[Call], code: FromPath[str], wanted: FromQuery[str] = "") -> Response[str]:
    """One recipe: what can be made where, its bags, its versions."""
    return await _kit_page(call, code, wanted)


async def _kit_page(call: Call, code: str, wanted: str = "", no: Refusal | None = None) -> Response[str]:
    found = await _versions(call, code)
    held = next((one.recipe for one in found if one.state is RecipeState.IN_FORCE), None)
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and 0 < int(wanted[:7]) <= 100_000 else None
    stock = None
    if held is not None:
        stock = await call.read(
            blind.figures, call.actor, kit_stock.stock_of, held, call.actor, call.today, wanted=number
        )
    return call.page(
        "inventory/kitting/kit.html",
        status=no.status if no else 200,
        versions=found,
        recipe=held or found[0].recipe,
        held=held is not None,
        stock=stock,
        wanted=number,
        bags=await call.read(kit_views.bags, call.actor, code=code),
        edits=call.actor.may(Permission.EDIT_KITS),
        assembles=call.actor.may(Permission.ASSEMBLE) and held is not None,
        today=call.today,
        refusal=no,
        new_key=new_id,
    )


@get("/kits/{code:str}/edit", guards=_EDITS, include_in_schema=False)
async def edit_page(call: NamedDependency[Call], code: FromPath[str]) -> Response[str]:
    """The recipe's newest version as a form; ``new`` begins another recipe."""
    form: Form = {} if code == NEW else kit_form.of_recipe((await _versions(call, code))[0].recipe)
    return await _form(call, code, form)


async def _form(call: Call, code: str, form: Form, no: Refusal | None = None) -> Response[str]:
    faults = no.faults if isinstance(no, Invalid) else ()
    return call.page(
        "inventory/kitting/kit_edit.html",
        status=no.status if no else 200,
        code=code,
        form=await call.read(kit_form.sketch, form),
        refusal=None if faults else no,
        errors=[(_field(field), call.say(f"fault.{fault}", **params)) for field, fault, params in faults],
        key=(form.get("key") or [str(new_id())])[0],
        today=call.today,
    )


def _field(field: str) -> str:
    return "lines" if field.startswith("lines") else field.rpartition(".")[2]


@post("/kits/{code:str}/edit", guards=_EDITS, include_in_schema=False)
async def edit(call: NamedDependency[Call], code: FromPath[str]) -> Response[Any]:
    """Add or drop a line, look for an item, or save a version; whatever was typed stays."""
    form = await call.form()
    if (form.get("do") or [""])[0] != "save":
        shown = await _form(call, code, kit_form.changed(form))
        shown.status_code = 200
        return shown
    try:
        fields = {
            name: form[name]
            for name in ("key", "base", "name_zh", "name_en", "least_days", "valid_from")
            if name in form
        }
        known = {} if code == NEW else {"code": code}
        new = call.filled(SaveRecipe, fields, lines=kit_form.lines(form), **known)
        saved = await call.write(kit_recipes.save, new, call.actor, call.today, call.now)
    except Refusal as no:
        return await _form(call, code, form, no)
    return call.go(f"/kits/{saved.code}")


@post("/kits/{code:str}/enact", guards=_EDITS, include_in_schema=False)
async def enact(call: NamedDependency[Call], code: FromPath[str]) -> Response[Any]:
    """Put the draft into force."""
    form = await call.form()
    try:
        order = call.filled(EnactRecipe, form)
        await call.write(kit_recipes.enact, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _kit_page(call, code, no=no)
    return call.go(f"/kits/{code}")


@post("/kits/{code:str}/retire", guards=_EDITS, include_in_schema=False)
async def retire(call: NamedDependency[Call], code: FromPath[str]) -> Response[Any]:
    """End the recipe."""
    form = await call.form()
    try:
        order = call.filled(RetireRecipe, form, code=code)
        await call.write(kit_recipes.retire, order, call.actor, call.today, call.now)
    except Refusal as no:
        return await _kit_page(call, code, no=no)
    return call.go(f"/kits/{code}")


handlers: list[BaseRouteHandler] = [
    read_kit_stock,
    list_versions,
    save_recipe,
    enact_recipe,
    retire_recipe,
    kits_page,
    kit_page,
    edit_page,
    edit,
    enact,
    retire,
]
