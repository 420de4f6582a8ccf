"""The description agrees with the routes, and is itself well formed."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from sandbox.api.openapi import document
from sandbox.api.routes import routes
from tests.api.doors import Doors
from tests.fakes.control import FakeControl

ROUTES = routes(FakeControl(), login_link=lambda request: "")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_described(described: dict[str, Any], route: Any) -> None:
    operation = described["paths"][route.path][route.method.lower()]
    assert operation["summary"].endswith(".")
    assert "default" in operation["responses"]
    in_path = [parameter["name"] for parameter in operation["parameters"] if parameter.get("in") == "path"]
    assert all(f"{{{name}}}" in route.path for name in in_path)


def test_what_may_depend_on_a_revision_says_so(described: dict[str, Any]) -> None:
    depending = [
        path
        for path, operations in described["paths"].items()
        for operation in operations.values()
        if any(one.get("name") == "If-Match" for one in operation["parameters"])
    ]
    assert depending == ["/api/traffic/changes", "/api/traffic/rollback", "/api/traffic/trial", "/api/traffic/ramps"]


def test_operations_have_names_of_their_own(described: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) == len(ROUTES)


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    for reference in _references(described):
        here: Any = described
        for step in reference.removeprefix("#/").split("/"):
            here = here[step]


def test_schemas_are_json_schemas(described: dict[str, Any]) -> None:
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("path", "component"), [("/api/status", "ProjectStatus"), ("/api/telemetry", "TelemetrySnapshot")]
)
async def test_real_answers_fit(doors: Doors, path: str, component: str) -> None:
    described = (await doors.ask("GET", "/api/openapi.json")).json
    schema = {"$ref": f"#/components/schemas/{component}", "components": described["components"]}
    jsonschema.validate((await doors.ask("GET", path)).json, schema)


async def test_each_door_describes_what_it_serves(doors: Doors) -> None:
    browsers = (await doors.ask("GET", "/api/openapi.json")).json["paths"]
    local = (await doors.locally("GET", "/api/openapi.json")).json["paths"]
    assert set(local) - set(browsers) == {"/api/exec", "/api/project", "/api/login-link", "/api/traffic/save"}
    assert "/api/openapi.json" in browsers


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for child in node.values() for found in _references(child)]
    if isinstance(node, list | tuple):
        return [found for child in node for found in _references(child)]
    return []
