"""What happens when files are saved: for the project, a service or a version."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sandbox.config.fields import BOOLEAN, AlsoAs, Boolean, Duration
from sandbox.config.schema.spec import Spec


class ReloadSpec(Spec):
    watch: Boolean | None = Field(None, description="Whether a save of its files reloads it.")
    warm: Boolean | None = Field(
        None, description="Whether Python services start from a process that has imported their libraries."
    )
    drain: Duration | None = Field(
        None, description="How long a replaced instance may take to finish what it was asked."
    )

    def given(self) -> dict[str, Any]:
        """What is said, in the words of `model.ReloadSettings`."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


Reload = Annotated[ReloadSpec | None, AlsoAs(BOOLEAN)]
"""`true` and `false` are short for `watch`."""
