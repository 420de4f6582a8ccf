from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack.detect import detect
from sandbox.runtime.buildpack.detect_python import Script, analyse
from sandbox.runtime.buildpack.folder import Folder, read_folder

ADDRESS = ("--host", "$HOST", "--port", "$PORT")
FASTAPI = "from fastapi import FastAPI\napi = FastAPI()\n"
FLASK = "import flask\napp = flask.Flask(__name__)\n"


def folder(*names: str, **texts: str) -> Folder:
    """Keys name files, with `__` for the dot."""
    files = {name.replace("__", "."): text for name, text in texts.items()}
    return Folder(Path("/app"), frozenset([*names, *files]), files)


def package(**keys: object) -> str:
    return json.dumps(keys)


@pytest.mark.parametrize(
    ("found", "argv"),
    [
        (folder("app.py", "main.py"), ("python", "app.py")),
        (folder("main.py"), ("python", "main.py")),
        (folder("server.py", "helper.py"), ("python", "server.py")),
        (folder("__main__.py", "other.py"), ("python", "__main__.py")),
        (folder("shop/__main__.py", "tests/__main__.py"), ("python", "-m", "shop")),
        (folder("manage.py"), ("python", "manage.py", "runserver", "--noreload", "$HOST:$PORT")),
        (folder("hello.py"), ("python", "hello.py")),
        (folder(main__py=FASTAPI, requirements__txt="uvicorn"), ("python", "-m", "uvicorn", "main:api", *ADDRESS)),
        (
            folder(app__py=FASTAPI, requirements__txt="fastapi[standard]>=0.1"),
            ("python", "-m", "uvicorn", "app:api", *ADDRESS),
        ),
        (
            folder(
                app__py="from starlette.applications import Starlette\napp: Starlette = Starlette()\n",
                pyproject__toml='[project]\nname = "a"\ndependencies = ["Uvicorn ~= 0.30"]',
            ),
            ("python", "-m", "uvicorn", "app:app", *ADDRESS),
        ),
        (folder(app__py=FASTAPI + 'if __name__ == "__main__":\n    uvicorn.run(api)\n'), ("python", "app.py")),
        (folder(app__py=FLASK), ("python", "-m", "flask", "--app", "app:app", "run", *ADDRESS)),
        (folder(app__py=FLASK + "app.run()\n"), ("python", "app.py")),
        (
            folder(main__py="def create_app():\n    return Flask(__name__)\n"),
            ("python", "-m", "flask", "--app", "main", "run", *ADDRESS),
        ),
        (
            folder(
                pyproject__toml='[build-system]\nrequires = []\n[project]\nname="a"\n[project.scripts]\nserve = "a:b"'
            ),
            ("serve",),
        ),
        (folder(package__json=package(scripts={"start": "node src/x.js --fast"})), ("node", "src/x.js", "--fast")),
        (folder(package__json=package(scripts={"start": "next start"})), ("npm", "start", "--silent")),
        (folder("lib.js", package__json=package(main="./lib.js")), ("node", "./lib.js")),
        (folder("index.js", package__json=package(main="gone.js")), ("node", "index.js")),
        (folder("server.js"), ("node", "server.js")),
        (folder("app.py", "requirements.txt", package__json=package(scripts={"start": "vite"})), ("python", "app.py")),
        (folder("tool.py", package__json=package(scripts={"start": "node a.js"})), ("node", "a.js")),
        (folder(Procfile="web: gunicorn -b $HOST:$PORT app:app\n"), ("gunicorn", "-b", "$HOST:$PORT", "app:app")),
        (folder("app.py", Procfile="worker: x\nweb:  python 'my app.py' "), ("python", "my app.py")),
        (folder(Procfile="web: exec_it > log"), ("/bin/sh", "-c", "exec exec_it > log")),
        (folder(Procfile="web: A=1 python app.py"), ("/bin/sh", "-c", "A=1 python app.py")),
        (folder(Procfile="web: migrate && serve"), ("/bin/sh", "-c", "migrate && serve")),
        (folder(Procfile="web: echo $HOME"), ("/bin/sh", "-c", "exec echo $HOME")),
        (folder("app.py", Procfile="worker: x"), ("python", "app.py")),
    ],
)
def test_the_command_of_a_folder(found: Folder, argv: tuple[str, ...]) -> None:
    assert detect(found, None).argv == argv


def test_what_was_said_wins() -> None:
    detected = detect(folder("app.py", "requirements.txt"), ("gunicorn", "x"))
    assert (detected.argv, detected.origin, detected.language) == (("gunicorn", "x"), "command", "python")


@pytest.mark.parametrize(
    ("found", "command", "language"),
    [
        (folder("x"), ("python3.12", "x"), "python"),
        (folder("x"), ("/usr/bin/python3", "x"), "python"),
        (folder("x"), ("./run.sh",), "other"),
        (folder("pyproject.toml"), ("./run.sh",), "python"),
        (folder("package.json"), ("./run.sh",), "node"),
        (folder("x"), ("npm", "start"), "node"),
    ],
)
def test_the_language_of_a_command(found: Folder, command: tuple[str, ...], language: str) -> None:
    assert detect(found, command).language == language


def test_an_unknown_folder_is_told_what_was_looked_for() -> None:
    with pytest.raises(RuntimeFailure) as failure:
        detect(folder("notes.txt"), None)
    assert failure.value.place == "/app"
    for name in ("Procfile", "app.py", "main.py", "manage.py", "package.json", "index.js"):
        assert name in failure.value.message
    assert "command:" in failure.value.hint


def test_an_app_that_nothing_serves_says_what_to_add() -> None:
    with pytest.raises(RuntimeFailure, match=r"main\.py has a FastAPI app and nothing that serves it") as failure:
        detect(folder(main__py=FASTAPI, requirements__txt="fastapi"), None)
    assert "uvicorn" in failure.value.hint


@pytest.mark.parametrize(("name", "text"), [("package__json", "{"), ("package__json", "[]"), ("pyproject__toml", "=")])
def test_a_broken_manifest_is_named(name: str, text: str) -> None:
    with pytest.raises(RuntimeFailure) as failure:
        detect(folder(**{name: text}), None)
    assert failure.value.place.endswith(name.replace("__", "."))


def test_a_script_that_does_not_parse_says_so_itself() -> None:
    assert analyse("def (") == Script(serves=True)


@given(st.text(max_size=200))
def test_any_text_can_be_analysed(text: str) -> None:
    analyse(text)


def test_a_real_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__main__.py").touch()
    (tmp_path / "requirements.txt").write_text("flask\n")
    found = read_folder(tmp_path)
    assert found.names == {"shop", "shop/__main__.py", "requirements.txt"}
    assert found.texts == {"requirements.txt": "flask\n"}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFailure, match="No such file or directory") as failure:
        read_folder(tmp_path / "gone")
    assert "build:" in failure.value.hint
