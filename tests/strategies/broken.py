"""Documents of traffic policies in which something is wrong, or just other than it was."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.strategies.traffic import documents

VALUES: list[Any] = [None, True, 0, -1, 1e9, float("nan"), "", "x", "$", "/", "9" * 40, "\0", [], {}, [{}], {"a": 1}]
JUNK = st.sampled_from(VALUES)


@st.composite
def broken_documents(draw: st.DrawFn) -> Any:
    """Valid ones in which one value or key is another."""
    found = draw(documents().filter(bool))
    holder: Any = found
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw(st.sampled_from(keys))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            break
        holder = inner
    if isinstance(holder, dict) and draw(st.booleans()):
        holder[draw(st.sampled_from(["nme", "x-mine", "type", ""]))] = holder.pop(key)
    else:
        holder[key] = draw(JUNK)
    return found
