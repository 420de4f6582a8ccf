from __future__ import annotations

import pytest

from sandbox.errors import UsageError
from sandbox.load.plan import check_method


@pytest.mark.parametrize("text", ["GET", "M-SEARCH", "version_control"])
def test_a_method_is_a_word(text: str) -> None:
    check_method(text)


@pytest.mark.parametrize("text", ["", "GET IT", "GET\r\nx: y", "GÄT"])
def test_what_is_no_method(text: str) -> None:
    with pytest.raises(UsageError, match="is no method"):
        check_method(text)
