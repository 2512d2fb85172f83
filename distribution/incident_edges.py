"""The ways in to incidents, for programs and for people: what was seen, and what it turned out to be."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from app.base.edges import Call, may
from app.base.errors import Refusal
from app.base.ids import new_id
from app.base.permissions import Permission
from distribution import incident_list, incidents, wording
from distribution.incident_list import IncidentView
from distribution.incidents import CloseIncident
from distribution.models import Outcome
from distribution.packing_pages import zone_of

Limit = Annotated[int, QueryParameter(ge=1, le=200)]


class Incidents(msgspec.Struct, frozen=True):
    """Incidents in the caller's scope, newest first."""

    incidents: tuple[IncidentView, ...]


class Closed(msgspec.Struct, frozen=True):
    """The incident that is closed now."""

    incident: UUID


@get("/api/incidents", operation_id="listIncidents", guards=[may(Permission.CLOSE_INCIDENT)])
async def list_incidents(
    call: NamedDependency[Call],
    closed: FromQuery[bool] = False,
    before: FromQuery[UUID | None] = None,
    limit: Limit = 50,
) -> Incidents:
    """Open incidents, or those that are closed: signs that a label was copied, and where the thing is now."""
    return Incidents(await call.read(incident_list.incidents, call.actor, closed=closed, before=before, limit=limit))


@post("/api/incidents/close", operation_id="closeIncident", guards=[may(Permission.CLOSE_INCIDENT)], status_code=200)
async def close_incident(call: NamedDependency[Call], data: JSONBody[CloseIncident]) -> Closed:
    """Say what an incident was; never by whoever's scan opened it. What it stopped then waits for its usual release."""
    await call.write(incidents.close, data, call.actor, call.now)
    return Closed(data.incident)


@get("/incidents", guards=[may(Permission.CLOSE_INCIDENT)], include_in_schema=False)
async def incidents_page(call: NamedDependency[Call]) -> Response[str]:
    """What has to be looked into, then what was."""
    return await _page(call)


async def _page(call: Call, no: Refusal | None = None, chosen: str = "") -> Response[str]:
    return call.page(
        "distribution/incidents.html",
        no.status if no else 200,
        waiting=await call.read(incident_list.incidents, call.actor),
        closed=await call.read(incident_list.incidents, call.actor, closed=True, limit=incident_list.FEW),
        outcomes=list(Outcome),
        new_key=new_id,
        zone=zone_of(call),
        told=await wording.told(call, no) if no else None,
        chosen=chosen,
    )


@post("/incidents/{incident:uuid}/close", guards=[may(Permission.CLOSE_INCIDENT)], include_in_schema=False)
async def close_page(call: NamedDependency[Call], incident: FromPath[UUID]) -> Response[Any]:
    """Close one."""
    form = await call.form()
    try:
        closing = call.filled(CloseIncident, form, incident=incident)
        await call.write(incidents.close, closing, call.actor, call.now)
    except Refusal as no:
        return await _page(call, no, str(incident))
    return call.go("/incidents")


api: list[BaseRouteHandler] = [list_incidents, close_incident]
pages: list[BaseRouteHandler] = [incidents_page, close_page]
