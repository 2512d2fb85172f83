"""The pages of people and of the way to the door."""

from __future__ import annotations

from litestar.handlers import BaseRouteHandler

from distribution import door_pages, incident_edges, people_pages, recall_edges

handlers: list[BaseRouteHandler] = [
    *people_pages.handlers,
    *door_pages.handlers,
    *incident_edges.pages,
    *recall_edges.pages,
]
