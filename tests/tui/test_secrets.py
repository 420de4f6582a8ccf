from __future__ import annotations

import pytest

from sandbox.tui.secrets import MASK, rows, shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2"),
        ("API_KEY", "abc"),
        ("STRIPE_SECRET", "abc"),
        ("GITHUB_TOKEN", "abc"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer abc"),
        ("SENTRY_DSN", "https://abc@sentry"),
    ],
)
def test_what_is_named_like_a_secret_is_masked(name: str, value: str) -> None:
    assert shown(name, value) == MASK


def test_secrets_inside_of_values_are_masked() -> None:
    assert shown("DATABASE_URL", "postgres://me:pw@db:5432/x") == f"postgres://{MASK}@db:5432/x"
    assert shown("CI", f"ghp_{'a' * 36}") == MASK


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "8000"), ("PWD", "/srv"), ("ORDERS_URL", "http://127.0.0.1:1/"), ("MONKEY", "no"), ("API_KEY", "")],
)
def test_the_rest_is_shown(name: str, value: str) -> None:
    assert shown(name, value) == value


def test_what_it_listens_on_and_whom_it_calls_stand_first() -> None:
    theirs = {"ORDERS_URL": "http://127.0.0.1:1", "ORDERS_HOST": "127.0.0.1", "ORDERS_PORT": "1"}
    ours = {"SANDBOX_SERVICE": "x", "HOST": "127.0.0.1", "PORT": "2"}
    found = [row.key for row in rows({"A": "1", "DOCS_URL": "https://example.com/", **theirs, **ours})]

    assert found[:4] == ["PORT", "HOST", "ORDERS_URL", "SANDBOX_SERVICE"]
    assert found[4:] == ["ORDERS_HOST", "ORDERS_PORT", "A", "DOCS_URL"]
