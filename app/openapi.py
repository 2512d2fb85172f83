"""The OpenAPI document as it is meant: closed objects, every refusal declared, no pages of the framework around it."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins import InitPlugin

_OWN = "/api/openapi"
_PROBLEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; title and detail are in the caller's language."},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in ("field", "code", "reason")},
                "required": ["field", "code", "reason"],
                "additionalProperties": False,
            },
        },
        "reasons": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in ("rule", "code", "text")},
                "required": ["rule", "code", "text"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
    "additionalProperties": False,
}
_REFUSALS = {
    "400": "A field is outside its type or range",
    "401": "Nobody is signed in",
    "403": "The role does not have this verb",
    "404": "Absent, or out of scope: the two look the same",
    "409": "The thing is not in a state that allows this",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "422": "The idempotency key came back with another body",
    "429": "Too many tries",
    "503": "Busy, or the store refuses writes; nothing was written",
}


class NoSchemaPages(InitPlugin):
    """Takes away the routes that the framework adds around its schema: they would be open to anyone."""

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        app_config.route_handlers = [
            handler
            for handler in app_config.route_handlers
            if not (isinstance(handler, Router) and handler.path == _OWN)
        ]
        return app_config


def no_schema_pages(app_config: AppConfig) -> AppConfig:
    """For ``on_app_init``: adds NoSchemaPages behind the framework's own plugin, so that it runs last."""
    app_config.plugins.append(NoSchemaPages())
    return app_config


def configuration() -> OpenAPIConfig:
    """What the framework needs to describe the operations."""
    return OpenAPIConfig(
        title="暖心 Nuanxin",
        version="0.1.0",
        path=_OWN,
        render_plugins=[JsonRenderPlugin()],
        use_handler_docstrings=True,
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"token": []}],
    )


def document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI 3.1 document of ``app`` as plain values."""
    made: dict[str, Any] = app.openapi_schema.to_schema()
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for schema in schemas.values():
        if schema.get("type") == "object" and "properties" in schema:
            # The framework leaves this out, although the bodies are read by structs that refuse unknown fields.
            schema["additionalProperties"] = False
    _tidy(made)
    schemas["Problem"] = _PROBLEM
    for item in made["paths"].values():
        for operation in item.values():
            _declare_refusals(operation)
    return made


def _tidy(part: Any) -> None:
    """Put right what the framework says otherwise than it is meant, in every schema within ``part``.

    It takes the dots of ``tuple[X, ...]`` for a second type, leaves out a least value that is nought, and hands on
    Python's end of a text, which other languages' patterns read as the letter Z.
    """
    if isinstance(part, list):
        for one in part:
            _tidy(one)
    elif isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            part["pattern"] = part["pattern"].replace(r"\Z", "$")
        if isinstance(part.get("maximum"), (int, float)) and "minimum" not in part:
            part["minimum"] = 0
        items = part.get("items")
        if isinstance(items, dict) and {} in items.get("oneOf", ()):
            part["items"] = items["oneOf"][0]
        for one in part.values():
            _tidy(one)


def _declare_refusals(operation: dict[str, Any]) -> None:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, words in _REFUSALS.items():
        operation["responses"][status] = {"description": words, "content": content}
