"""The programs' way in to people and to the way to the door."""

from __future__ import annotations

from litestar.handlers import BaseRouteHandler

from distribution import door_api, incident_edges, people_api, recall_edges

handlers: list[BaseRouteHandler] = [*people_api.handlers, *door_api.handlers, *incident_edges.api, *recall_edges.api]
