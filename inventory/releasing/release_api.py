"""The programs' way in to the second person's decision: release, refuse, undo; also at somebody else's phone."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody

from app.base.edges import Call, may
from app.base.errors import SamePerson
from app.base.permissions import Actor, Permission
from inventory.releasing import looking, release, unrelease
from inventory.releasing.looking import LookAtPack, LookedAt
from inventory.releasing.release import BATCH, Decision, IdentifyPack, RefuseMany, RefusePack, ReleaseMany, ReleasePack
from inventory.releasing.unrelease import Unrelease, Unreleased
from labels.second_person import Second, second_person

RELEASES = may(Permission.RELEASE_SUPPLIES, Permission.RELEASE_MEDICINE)


class AskRelease(ReleasePack, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release, with the badge and secret of whoever decides at somebody else's phone."""

    second: Second | None = None


class AskReleaseMany(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Releases, with the badge and secret of whoever decides at somebody else's phone."""

    packs: Annotated[tuple[ReleasePack, ...], msgspec.Meta(min_length=1, max_length=BATCH)]
    second: Second | None = None


class AskRefuse(RefusePack, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A refusal, with the badge and secret of whoever decides at somebody else's phone."""

    second: Second | None = None


class AskRefuseMany(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Refusals, with the badge and secret of whoever decides at somebody else's phone."""

    packs: Annotated[tuple[RefusePack, ...], msgspec.Meta(min_length=1, max_length=BATCH)]
    second: Second | None = None


class AskUnrelease(Unrelease, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An undo, with the badge and secret of whoever released at somebody else's phone."""

    second: Second | None = None


async def decider(call: Call, given: Second | None) -> tuple[Actor, Actor | None]:
    """Whose word it is, and at whose phone where that is somebody else's.

    Raises SamePerson for the badge of whoever is signed in, Forbidden for one who releases nothing, and what
    ``second_person`` raises.
    """
    other = await second_person(call, given)
    if other is None:
        return call.actor, None
    if other.account == call.actor.account:
        raise SamePerson
    other.need(Permission.RELEASE_SUPPLIES, Permission.RELEASE_MEDICINE)
    return other, call.actor


@post("/api/held/release", operation_id="releasePack", guards=[RELEASES], status_code=200)
async def release_pack(call: NamedDependency[Call], data: JSONBody[AskRelease]) -> Decision:
    """Let a held pack onto the shelf, or sign for it where another signature is needed too.

    On a shared phone the second person scans the own badge and enters the own secret: then it is their decision.
    """
    who, phone = await decider(call, data.second)
    order = ReleasePack(key=data.key, pack=data.pack, grounds=data.grounds, note=data.note)
    return await call.write(release.release, order, who, call.today, call.now, phone)


@post("/api/held/release-many", operation_id="releasePacks", guards=[RELEASES], status_code=200)
async def release_packs(call: NamedDependency[Call], data: JSONBody[AskReleaseMany]) -> tuple[Decision, ...]:
    """Release up to 50 packs; the refusal of one leaves the others standing."""
    who, phone = await decider(call, data.second)
    return await call.write(release.release_many, ReleaseMany(packs=data.packs), who, call.today, call.now, phone)


@post("/api/held/unrelease", operation_id="unreleasePacks", guards=[RELEASES], status_code=200)
async def unrelease_packs(call: NamedDependency[Call], data: JSONBody[AskUnrelease]) -> Unreleased:
    """Undo a release within the sitting, by whoever made it: all of its packs wait again, or none."""
    who, phone = await decider(call, data.second)
    return await call.write(unrelease.unrelease, Unrelease(key=data.key, batch=data.batch), who, call.now, phone)


@post("/api/held/refuse", operation_id="refusePack", guards=[RELEASES], status_code=200)
async def refuse_pack(call: NamedDependency[Call], data: JSONBody[AskRefuse]) -> Decision:
    """Send a held pack to disposal."""
    who, phone = await decider(call, data.second)
    order = RefusePack(key=data.key, pack=data.pack, reason=data.reason, note=data.note)
    return await call.write(release.refuse, order, who, call.today, call.now, phone)


@post("/api/held/refuse-many", operation_id="refusePacks", guards=[RELEASES], status_code=200)
async def refuse_packs(call: NamedDependency[Call], data: JSONBody[AskRefuseMany]) -> tuple[Decision, ...]:
    """Send up to 50 held packs to disposal; what cannot be refused leaves the others standing."""
    who, phone = await decider(call, data.second)
    return await call.write(release.refuse_many, RefuseMany(packs=data.packs), who, call.today, call.now, phone)


@post("/api/held/identify", operation_id="identifyPack", guards=[may(Permission.RELEASE_MEDICINE)], status_code=200)
async def identify_pack(call: NamedDependency[Call], data: JSONBody[IdentifyPack]) -> Decision:
    """Say which item of the catalogue unknown goods are; they are screened anew as that."""
    return await call.write(release.identify, data, call.actor, call.today, call.now)


@post("/api/held/look", operation_id="lookAtPack", guards=[may(Permission.RECEIVE)], status_code=200)
async def look_at_pack(call: NamedDependency[Call], data: JSONBody[LookAtPack]) -> LookedAt:
    """Say what the box of a pack looks like that nobody had looked at; it is screened anew and goes on waiting."""
    return await call.write(looking.look_at, data, call.actor, call.today, call.now)


handlers: list[BaseRouteHandler] = [
    release_pack,
    release_packs,
    unrelease_packs,
    refuse_pack,
    refuse_packs,
    identify_pack,
    look_at_pack,
]
