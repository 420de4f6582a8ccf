"""Policies cross the API as documents in the file's words: there and back they stay the same."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from sandbox.config.jsonschema import schema
from sandbox.config.traffic.document import document
from sandbox.config.traffic.policies import parse_policies
from sandbox.errors import ConfigError
from sandbox.model import Project, Timeouts, TrafficPolicy
from tests.config.conftest import Folder
from tests.strategies.broken import broken_documents
from tests.strategies.traffic import policies

SCHEMA = jsonschema.Draft202012Validator(schema())

FILE = """\
services:
  a: {build: ./a, ports: [80]}
  b: {build: ./b, ports: [80]}
  c: {build: ./c, ports: [80], public: true, versions: {v1: {}, v2: {}}}
"""


@pytest.fixture
def project(folder: Folder) -> Project:
    return folder.load(FILE)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(policy=policies())
def test_a_document_is_the_policy_again(project: Project, policy: TrafficPolicy) -> None:
    found = document(policy)

    SCHEMA.validate({"traffic": {"c": found}})
    assert parse_policies({"c": json.loads(json.dumps(found))}, project) == {"c": policy}


def test_what_is_said_by_default_is_left_out(project: Project) -> None:
    long: dict[str, Any] = {
        "rules": [
            {
                "matches": [
                    {"path": {"type": "PathPrefix", "value": "/v2/"}, "headers": [{"name": "X-A", "value": 1}]}
                ],
                "backendRefs": [{"version": "v2", "weight": 1}],
                "filters": [{"requestMirror": {"backendRef": {"version": "v1"}, "percent": 100}}],
                "timeouts": {"request": "0s"},
                "fault": {"delay": {"percentage": {"value": 50}, "fixedDelay": "2000ms"}},
            },
        ],
        "connectionPool": {"tcp": {"maxConnections": 5}, "http": {"http1MaxPendingRequests": 6}},
        "outlierDetection": {"consecutive5xxErrors": 5, "interval": "1000ms"},
        "authorization": [{"from": "b"}],
    }

    assert document(parse_policies({"c": long}, project)["c"]) == {
        "rules": [
            {
                "matches": [{"path": {"value": "/v2"}, "headers": {"x-a": "1"}}],
                "backendRefs": [{"version": "v2"}],
                "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"version": "v1"}}}],
                "fault": {"delay": {"percentage": 50, "fixedDelay": "2s"}},
            }
        ],
        "connectionPool": {"maxConnections": 5, "maxPendingRequests": 6},
        "outlierDetection": {},
        "authorization": [{"action": "ALLOW", "from": ["b"]}],
    }


def test_a_dollar_is_a_dollar(project: Project) -> None:
    rule = {"matches": [{"path": {"type": "RegularExpression", "value": "/a$"}}], "timeouts": {"request": "1s"}}

    assert document(parse_policies({"c": {"rules": [rule]}}, project)["c"]) == {"rules": [rule]}


def test_the_same_is_written_in_a_file(folder: Folder) -> None:
    rule = "{matches: [{path: {type: RegularExpression, value: /a$$}}], timeouts: {request: 1s}}"
    (found,) = folder.load(FILE + f"traffic: {{c: {{rules: [{rule}]}}}}").traffic["c"].rules

    assert found.matches[0].path is not None and found.matches[0].path.value == "/a$"
    assert found.timeouts == Timeouts(request=1.0)


def problems(project: Project, documents: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_policies(documents, project)
    return [f"{problem.location}: {problem.message} | {problem.hint}" for problem in caught.value.problems]


def test_problems_name_their_place_in_the_document(project: Project) -> None:
    documents = {
        "c": {"rules": [{"backendRefs": [{"version": "v1"}, {"version": "v9"}]}]},
        "b": {"rules": [{"matches": [{"headers": {"x": {"type": "RegularExpression", "value": "("}}}]}]},
    }

    assert problems(project, documents) == [
        "traffic.b.rules[0].matches[0].headers.x: an item of headers has a regular expression that is not valid: "
        "missing ): ( | correct it; the syntax is RE2's"
    ]
    del documents["b"]
    assert problems(project, documents) == [
        "traffic.c.rules[0].backendRefs[1].version: c has no version v9 | versions of c: v1, v2"
    ]


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        ({"c": {"rules": 5}}, "traffic.c.rules: rules should be a list, not 5 | write [a, b], or one `- a` a line"),
        ({"c": []}, "traffic.c: c should be a map, not a list | write {key: value}, or one `key: value` a line"),
        ({"c": {"ruls": []}}, 'traffic.c.ruls: unknown key "ruls" in c | did you mean rules?'),
        ({"x": {}}, "traffic.x: traffic names x, and there is no such service | services: a, b, c"),
        ({"c": {"concurrency": float("nan")}}, "traffic.c.concurrency: concurrency should be a whole number, not nan"),
        ({"c": {"concurrency": {1}}}, "traffic.c.concurrency: has a value that is no text, number or list: set"),
    ],
)
def test_what_is_no_policy_at_all(project: Project, documents: Any, found: str) -> None:
    assert problems(project, documents)[0].startswith(found)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(broken=broken_documents())
def test_whatever_is_refused_has_its_place(project: Project, broken: Any) -> None:
    try:
        found = parse_policies({"c": broken}, project)["c"]
    except ConfigError as error:
        assert all(str(problem.location).startswith("traffic.c") and problem.message for problem in error.problems)
        assert all(problem.hint for problem in error.problems)
    else:
        assert parse_policies({"c": document(found)}, project) == {"c": found}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(broken=broken_documents())
def test_whatever_is_refused_in_a_file_has_its_file_line_and_column(folder: Folder, broken: Any) -> None:
    try:
        folder.load(FILE + yaml.safe_dump({"traffic": {"c": broken}}, sort_keys=False))
    except ConfigError as error:
        places = [str(problem.location) for problem in error.problems]
        assert all(re.fullmatch(r"sandbox\.yaml:\d+:\d+", place) for place in places), places


def test_a_document_without_end_is_refused(project: Project) -> None:
    endless: dict[str, Any] = {}
    endless["rules"] = [endless]

    assert "is nested deeper than 32 levels" in problems(project, {"c": endless})[0]


def test_a_policy_knows_where_it_was_written(folder: Folder) -> None:
    project = folder.load(FILE + "traffic:\n  c:\n    rules:\n    - {}\n  a: {}\n")

    assert project.places == {
        "traffic.c": "sandbox.yaml:6:3",
        "traffic.c.rules[0]": "sandbox.yaml:8:7",
        "traffic.a": "sandbox.yaml:9:3",
    }
