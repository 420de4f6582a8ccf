"""Mounts in Compose's short forms. Compose's own: github.com/compose-spec/compose-go, format/volume.go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from sandbox.config.names import VOLUME
from sandbox.config.volumeforms import is_path, long_form, tmpfs
from sandbox.model import Mount, MountKind


@pytest.mark.parametrize(
    ("written", "mount"),
    [
        ("/cache", {"type": "volume", "target": "/cache"}),
        ("rows:/rows", {"type": "volume", "source": "rows", "target": "/rows"}),
        ("./a:/a", {"type": "bind", "source": "./a", "target": "/a"}),
        (".:/a", {"type": "bind", "source": ".", "target": "/a"}),
        ("../a:/a", {"type": "bind", "source": "../a", "target": "/a"}),
        ("~/a:/a", {"type": "bind", "source": "~/a", "target": "/a"}),
        ("/a:/a:ro", {"type": "bind", "source": "/a", "target": "/a", "read_only": True}),
        ("/a:/a:rw", {"type": "bind", "source": "/a", "target": "/a", "read_only": False}),
        (
            "/a:/a:ro,Z",
            {"type": "bind", "source": "/a", "target": "/a", "read_only": True, "bind": {"selinux": "Z"}},
        ),
        ("rows:/a:z", {"type": "volume", "source": "rows", "target": "/a"}),
        ("rows:/a:nocopy", {"type": "volume", "source": "rows", "target": "/a", "volume": {"nocopy": True}}),
        ("./a:/a:cached", {"type": "bind", "source": "./a", "target": "/a"}),
        ("a b:/c d", {"type": "volume", "source": "a b", "target": "/c d"}),  # the model knows names of volumes
    ],
)
def test_volumes(written: str, mount: dict[str, Any]) -> None:
    assert long_form(written) == mount


@pytest.mark.parametrize(
    "written",
    [
        "",
        ":",
        ":/a",
        "/a:",
        "/a::ro",
        "a",
        ".",
        "/a:/b:ro:ro",
        "/a:/b:",
        "/a:/b:RO",
        "/a:/b:ro,",
        "C:\\a:/a",
        "C:/a:/a",
    ],
)
def test_what_is_no_volume(written: str) -> None:
    with pytest.raises(PydanticCustomError):
        long_form(written)


NAMES = st.from_regex(VOLUME, fullmatch=True)
PATHS = st.from_regex(r"(\.|\.\.|~)?(/[A-Za-z0-9_. -]{1,8}){1,3}", fullmatch=True)
TARGETS = st.from_regex(r"(/[A-Za-z0-9_. -]{1,8}){1,3}", fullmatch=True)
OPTIONS = st.lists(st.sampled_from(["ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent"]), max_size=3)


@given(NAMES | PATHS, TARGETS, OPTIONS)
def test_what_is_put_together_comes_apart(source: str, target: str, options: list[str]) -> None:
    found = long_form(":".join([source, target, *([",".join(options)] if options else [])]))

    assert (found["source"], found["target"]) == (source, target)
    assert found["type"] == ("bind" if is_path(source) else "volume")
    access = [option for option in options if option in ("ro", "rw")]
    assert found.get("read_only", False) == (access[-1:] == ["ro"])


@given(st.text(alphabet=":/.~,=rowzZac\\C \n$é", max_size=20) | st.text(max_size=20))
def test_any_text_is_a_mount_or_a_fault(text: str) -> None:
    for parse in (long_form, tmpfs):
        try:
            found = parse(text)
        except PydanticCustomError as error:
            assert (error.context or {})["hint"]
        else:
            assert found["target"] if isinstance(found, dict) else found.target.startswith("/")


@pytest.mark.parametrize(
    ("written", "mount"),
    [
        ("/run", Mount(kind=MountKind.TMPFS, source=None, target="/run")),
        ("/run/./x//", Mount(kind=MountKind.TMPFS, source=None, target="/run/x")),
        (
            "/run:rw,noexec,nosuid,size=64m,mode=755",
            Mount(kind=MountKind.TMPFS, source=None, target="/run", size=64 << 20, mode=0o755),
        ),
        ("/run:ro,mode=01777", Mount(kind=MountKind.TMPFS, source=None, target="/run", read_only=True, mode=0o1777)),
    ],
)
def test_tmpfs(written: str, mount: Mount) -> None:
    assert tmpfs(written) == mount


@pytest.mark.parametrize("written", ["", "run", "/", "/run:", "/run:size=", "/run:size=0", "/run:mode=9", "/run:exec"])
def test_what_is_no_tmpfs(written: str) -> None:
    with pytest.raises(PydanticCustomError):
        tmpfs(written)
