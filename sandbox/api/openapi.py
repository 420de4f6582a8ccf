"""The API's description, generated from the same signatures that read the requests."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sandbox import __version__
from sandbox.api.errors import ErrorAnswer
from sandbox.api.etags import DEPENDING
from sandbox.api.routes import Route, Signature, signature
from sandbox.api.shapes import INTENT_HEADER

_REFERENCE = "#/components/schemas/{name}"
_INTENT = {"$ref": "#/components/parameters/Intent"}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of /api/traffic; 412 when another revision is in force",
    "schema": {"type": "string"},
}
_ERROR = {"$ref": "#/components/responses/Error"}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """OpenAPI 3.1 (JSON Schema 2020-12, as msgspec's), ready for JSON."""
    shapes = [signature(route) for route in routes]
    types = [ErrorAnswer, *_types(shapes)]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route, shape in zip(routes, shapes, strict=True):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, shape, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "sandbox", "version": __version__, "description": "Steer and watch one local cluster."},
        "paths": paths,
        "components": {
            "schemas": components,
            "parameters": {"Intent": _header(INTENT_HEADER)},
            "responses": {"Error": {"description": "What went wrong", "content": _json(schema_of[ErrorAnswer])}},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _types(shapes: Sequence[Signature]) -> list[Any]:
    """Each type that goes over the wire, once."""
    found = [one for shape in shapes for one in (shape.body, *shape.answers) if one is not None]
    return list(dict.fromkeys(found))


def _operation(route: Route, shape: Signature, schema_of: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__name__,
        "summary": (inspect.getdoc(route.handler) or "").split("\n", 1)[0],
        "parameters": list(_parameters(route, shape)),
        "responses": {**_success(shape, schema_of), "default": _ERROR},
    }
    if shape.body is not None:
        operation["requestBody"] = {"content": _json(schema_of[shape.body])}
    return operation


def _parameters(route: Route, shape: Signature) -> Iterator[dict[str, Any]]:
    for name in shape.path:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if shape.query is not None:
        (_,), components = msgspec.json.schema_components([shape.query], ref_template=_REFERENCE)
        for name, schema in components[shape.query.__name__]["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": schema}
    if shape.body in DEPENDING:
        yield _IF_MATCH
    if route.method != "GET":
        yield _INTENT


def _header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "schema": {"const": "1"}}


def _success(shape: Signature, schema_of: dict[Any, Any]) -> dict[str, Any]:
    if not shape.answers:
        return {"204": {"description": "Done, or recorded as wished"}}
    last_line = (ErrorAnswer,) if shape.streams else ()
    found = [schema_of[answer] for answer in (*shape.answers, *last_line)]
    schema = found[0] if len(found) == 1 else {"anyOf": found}
    if shape.streams:
        content = {"application/x-ndjson": {"schema": schema}}
        return {"200": {"description": "One object a line; blank lines keep the connection alive", "content": content}}
    return {"200": {"description": "The answer", "content": _json(schema)}}


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
