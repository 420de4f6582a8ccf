from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtime.zygote.record import EVERYTHING, Record, load, parse
from sandbox.runtime.zygote.seen import library_folders, module_of

names = st.from_regex(r"[a-z_]+(\.[a-z_]+){0,3}", fullmatch=True)


@given(st.frozensets(names), st.dictionaries(names, st.from_regex(r"[a-z ]+", fullmatch=True)))
def test_a_record_is_read_as_it_was_written(modules: frozenset[str], left_out: dict[str, str]) -> None:
    record = Record(modules, left_out)
    assert parse(record.dump()) == record


def test_none_is_an_empty_one(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == Record()


def test_a_doubt_about_everything_ends_it() -> None:
    assert Record().without(EVERYTHING, "threads").hopeless == "threads"
    assert Record().without("a", "threads").hopeless is None


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("flask/app.py", "flask.app"),
        ("flask/__init__.py", "flask"),
        ("typing_extensions.py", "typing_extensions"),
        ("orjson/orjson.cpython-311-x86_64-linux-gnu.so", "orjson.orjson"),
        ("_cffi_backend.cpython-311-x86_64-linux-gnu.so", "_cffi_backend"),
        ("lib-dynload/_json.cpython-311-x86_64-linux-gnu.so", None),
        ("flask/__main__.py", None),
        ("sitecustomize.py", None),
        ("a-b/c.py", None),
        ("data/table.txt", None),
        (".py", None),
    ],
)
def test_from_a_file_to_a_module(file: str, module: str | None) -> None:
    assert module_of(file) == module


def test_where_modules_lie(environment: Path) -> None:
    site, library = library_folders(environment)
    assert site.endswith("/site-packages") and site.startswith(str(environment))
    assert Path(library, "os.py").is_file()


def test_without_an_environment_there_are_none(tmp_path: Path) -> None:
    assert library_folders(tmp_path) == ()
