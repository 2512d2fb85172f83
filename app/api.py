"""The programs' way in to accounts, tokens, the audit trail, policies, and the description of all operations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from app import openapi, people, sign_in
from app.base import accounts, audit, policy, store
from app.base.audit import NoteLine
from app.base.edges import PUBLIC, Call, may
from app.base.permissions import Permission, Role
from app.base.policy import InForce
from app.http import AfterHandle, Limit
from app.people import Newcomer, Person
from app.sign_in import Credentials


class Health(msgspec.Struct, frozen=True):
    """The service answers and its store can be read."""

    ok: bool


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling, and where the role holds."""

    account: UUID
    handle: str
    role: Role
    doctor: bool
    stations: tuple[UUID, ...]
    teams: tuple[UUID, ...]
    communities: tuple[UUID, ...]


class Bearer(msgspec.Struct, frozen=True):
    """A program's token, shown once: send it as ``Authorization: Bearer``."""

    token: str
    ends_at: datetime


class Made(msgspec.Struct, frozen=True):
    """The account that was made."""

    account: UUID


class Link(msgspec.Struct, frozen=True):
    """An invitation's address, shown once; earlier ones of the account stopped working."""

    url: str


class EndedSignIns(msgspec.Struct, frozen=True):
    """How many sign-ins were ended."""

    sign_ins: int


@get("/api/health", operation_id="readHealth", opt=PUBLIC, security=[])
async def read_health(call: NamedDependency[Call]) -> Health:
    """Whether the service answers and its store can be read; nothing else is told."""
    await call.read(store.is_demo)
    return Health(True)


@get("/api/openapi.json", operation_id="readOperations", guards=[may(Permission.READ_OWN)], include_in_schema=False)
async def read_operations(call: NamedDependency[Call]) -> dict[str, Any]:
    """This description, for anybody signed in."""
    return openapi.document(call.request.app)


@get("/api/me", operation_id="readMe", guards=[may(Permission.READ_OWN)])
async def read_me(call: NamedDependency[Call]) -> Me:
    """The caller's own role and scopes."""
    actor = call.actor
    return Me(
        account=actor.account,
        handle=actor.handle,
        role=actor.role,
        doctor=actor.doctor,
        stations=tuple(sorted(actor.stations)),
        teams=tuple(sorted(actor.teams)),
        communities=tuple(sorted(actor.communities)),
    )


@post("/api/tokens", operation_id="issueToken", opt=PUBLIC, security=[], status_code=201)
async def issue_token(call: NamedDependency[Call], data: JSONBody[Credentials]) -> Bearer:
    """A program's token for the own account, against staff number and passphrase. A PIN opens nothing here."""
    token = await sign_in.enter(call, data.handle, data.secret, "program")
    return Bearer(token.token, token.ends_at)


@delete("/api/tokens/own", operation_id="endOwnToken", guards=[may(Permission.READ_OWN)], status_code=204)
async def end_own_token(call: NamedDependency[Call]) -> None:
    """End the sign-in that this request came with."""
    await call.write(accounts.sign_out, call.actor, call.now)


@post("/api/accounts", operation_id="createAccount", guards=[may(Permission.INVITE)], status_code=201)
async def create_account(call: NamedDependency[Call], data: JSONBody[Newcomer]) -> Made:
    """Make an account: an administrator any, a coordinator and a leader below their rank in their own scope."""
    return Made(await call.write(people.let_in, call.vault, data, call.actor, call.now))


@post(
    "/api/accounts/{account:uuid}/invitation",
    operation_id="inviteAccount",
    guards=[may(Permission.INVITE)],
    status_code=201,
)
async def invite_account(call: NamedDependency[Call], account: FromPath[UUID]) -> Link:
    """A one-time link that lets the account's owner in. It is shown once."""
    token = await call.write(people.invite, account, call.actor, call.now)
    return Link(f"{call.settings.base_url}/join/{token}")


@get("/api/accounts", operation_id="listAccounts", guards=[may(Permission.READ_ACCOUNTS)])
async def list_accounts(call: NamedDependency[Call], after: AfterHandle = "", limit: Limit = 100) -> list[Person]:
    """The accounts in the caller's scope by staff number, those after ``after``."""
    return await call.read(people.everyone, call.actor, call.now, after, limit)


@delete("/api/accounts/{account:uuid}", operation_id="endAccount", guards=[may(Permission.END_ACCOUNT)])
async def end_account(call: NamedDependency[Call], account: FromPath[UUID]) -> None:
    """Let an account in no more, from the next request on."""
    await call.write(people.end, account, call.actor, call.now)


@delete(
    "/api/accounts/{account:uuid}/sign-ins",
    operation_id="endSignIns",
    guards=[may(Permission.END_ACCOUNT)],
    status_code=200,
)
async def end_sign_ins(call: NamedDependency[Call], account: FromPath[UUID]) -> EndedSignIns:
    """End every sign-in and phone of an account at once: a phone was lost."""
    return EndedSignIns(await call.write(people.end_sign_ins, account, call.actor, call.now))


@get("/api/audit", operation_id="readAudit", guards=[may(Permission.READ_AUDIT)])
async def read_audit(
    call: NamedDependency[Call], before: FromQuery[UUID | None] = None, limit: Limit = 100
) -> list[NoteLine]:
    """Who did what, newest first: an auditor reads all, an administrator what was done to accounts."""
    return await call.read(audit.notes, call.actor, before, limit)


@get("/api/audit/own", operation_id="readOwnDoings", guards=[may(Permission.READ_OWN)])
async def read_own_doings(
    call: NamedDependency[Call], before: FromQuery[UUID | None] = None, limit: Limit = 100
) -> list[NoteLine]:
    """What the caller did, newest first."""
    return await call.read(audit.notes, call.actor, before, limit, own=True)


@get("/api/policies", operation_id="listPolicies", guards=[may(Permission.READ_POLICY)])
async def list_policies(call: NamedDependency[Call]) -> list[InForce]:
    """The thresholds and rule switches that hold today."""
    return await call.read(policy.in_force, call.today)


@get("/api/policies/{name:str}", operation_id="readPolicy", guards=[may(Permission.READ_POLICY)])
async def read_policy(call: NamedDependency[Call], name: FromPath[str]) -> InForce:
    """One policy as it holds today."""
    return await call.read(policy.named, name, call.today)


handlers: list[BaseRouteHandler] = [
    read_health,
    read_operations,
    read_me,
    issue_token,
    end_own_token,
    create_account,
    invite_account,
    list_accounts,
    end_account,
    end_sign_ins,
    read_audit,
    read_own_doings,
    list_policies,
    read_policy,
]
