"""`${VAR}` in all of Compose's forms, and addresses of services."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config.interpolate import InterpolationError, Interpolator
from sandbox.model import CalleeRef

ENVIRONMENT = {"A": "1", "EMPTY": "", "B": "two", "DOLLAR": "$A"}


def expanded(text: str) -> str:
    return Interpolator(ENVIRONMENT).text(text)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$A ${A}", "1 1"),
        ("$$A $${A} $$", "$A ${A} $"),
        ("x${A}y$B.z", "x1ytwo.z"),
        ("${NO:-d} ${NO-d} ${EMPTY:-d} [${EMPTY-d}]", "d d d []"),
        ("${NO:-} [${EMPTY}]", " []"),
        ("${A:-d} ${A:?no}", "1 1"),
        ("${A:+yes} [${NO:+yes}] [${EMPTY:+yes}] ${EMPTY+yes}", "yes [] [] yes"),
        ("${NO:-${NOR:-${B}}}", "two"),
        ("${NO:-a}b}", "ab}"),
        ("${NO:-x:-y}", "x:-y"),
        ("$DOLLAR", "$A"),
    ],
)
def test_as_compose_has_it(text: str, result: str) -> None:
    assert expanded(text) == result


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("$NO", "the variable NO is not set", "set it, put it into .env, or write ${NO:-default}"),
        ("$PORT", "the variable PORT is not set", "for the variable that each instance is given, write $$PORT"),
        ("${NO:?say $A}", "NO is not set: say 1", "set NO, or put it into .env"),
        ("${EMPTY:?}", "EMPTY is not set: it has to be set", "set EMPTY"),
        ("cost $5", 'has a $ that begins no variable: "$5"', "write $$ for a $"),
        ("${A", "has a ${ without its }", "close it"),
        ("${A B}", '"${A B}" is no variable', "write ${NAME}"),
        ("${}", '"${}" is no variable', "write ${NAME}"),
        ("${services.orders.uri}", '"${services.orders.uri}" is no address', "write ${services.orders.url}"),
        ("${services.orders}", '"${services.orders}" is no address', "write ${services.orders.url|host|port}"),
        ("${services.orders.url}", "${services.…} can't be used here", "use it in a value of environment"),
        ("${A:-" * 30 + "}" * 30, None, None),
        ("${N:-" * 30 + "}" * 30, "has ${…} nested deeper than 10 levels", "use fewer defaults"),
    ],
)
def test_what_it_refuses(text: str, message: str | None, hint: str | None) -> None:
    if message is None:
        assert expanded(text) == "1"
        return
    with pytest.raises(InterpolationError) as caught:
        expanded(text)
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint or "")


def test_addresses_of_services_stay_open() -> None:
    parts = Interpolator(ENVIRONMENT).parts("${services.my-orders.url}/v$A")

    assert parts == (CalleeRef(service="my-orders", attribute="url"), "/v1")


def test_what_variables_expand_to_is_bounded() -> None:
    with pytest.raises(InterpolationError, match="more than 4 MiB"):
        Interpolator({"BIG": "x" * 100_000}).text("$BIG" * 100)


@given(st.text())
def test_escaping_dollars_keeps_any_text(text: str) -> None:
    assert expanded(text.replace("$", "$$")) == text


@given(st.text(alphabet="${}ABN:-?+ services.url"))
def test_any_text_is_expanded_or_refused(text: str) -> None:
    try:
        assert isinstance(expanded(text), str)
    except InterpolationError as error:
        assert error.message and error.hint
