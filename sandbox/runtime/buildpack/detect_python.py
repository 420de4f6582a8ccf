"""Python folders: scripts that serve by themselves, apps that need a server, packages, Django."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import Folder

SCRIPTS = ("app.py", "main.py", "server.py")
LOOKED_FOR = (*SCRIPTS, "__main__.py", "a package with __main__.py", "manage.py", "scripts in pyproject.toml")

_ASGI, _FLASK = ("FastAPI", "Starlette"), ("Flask",)
_SERVING = frozenset({"run", "serve", "serve_forever", "run_app", "run_forever", "run_until_complete", "start"})


@dataclass(frozen=True, slots=True)
class Script:
    """A Python file as far as it matters here."""

    framework: str | None = None
    app: str | None = None  # the variable that holds the app
    serves: bool = False  # running the file serves


def detect_python(folder: Folder) -> Detected | None:
    """None when nothing of Python is found. RuntimeFailure when an app is found that nothing can serve."""
    for name in SCRIPTS:
        if name in folder.names:
            return _script(folder, name)
    return _packages(folder) or _django(folder) or _project_script(folder) or _only_file(folder)


def has_python_manifest(folder: Folder) -> bool:
    return "requirements.txt" in folder.names or "pyproject.toml" in folder.names


def analyse(text: str) -> Script:
    """What a Python file does when it runs. One that does not parse is left to say so itself."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return Script(serves=True)
    framework = app = None
    for statement in body:
        found = _app(statement)
        if found is not None and framework is None:
            framework, app = found
    return Script(framework, app, any(_serves(statement) for statement in body))


def requirement_names(folder: Folder) -> set[str]:
    """The names of required packages, normalised; `name[extra]` is there beside `name`."""
    lines = folder.texts.get("requirements.txt", "").splitlines()
    lines += [str(line) for line in pyproject(folder).get("project", {}).get("dependencies", [])]
    found: set[str] = set()
    for line in lines:
        if match := re.match(r"\s*([A-Za-z0-9][\w.-]*)\s*(\[[^\]]*\])?", line):
            name = re.sub(r"[-_.]+", "-", match[1]).lower()
            found |= {name, name + re.sub(r"\s", "", match[2] or "").lower()}
    return found


def pyproject(folder: Folder) -> dict[str, Any]:
    """RuntimeFailure when it is not TOML."""
    try:
        return tomllib.loads(folder.texts.get("pyproject.toml", ""))
    except tomllib.TOMLDecodeError as error:
        place = str(folder.path / "pyproject.toml")
        raise RuntimeFailure(f"is not TOML: {error}", place=place, hint="correct the file") from None


def _script(folder: Folder, name: str) -> Detected:
    script = analyse(folder.texts.get(name, ""))
    module = name.removesuffix(".py")
    if script.serves or script.framework is None:
        return Detected(("python", name), name, "python")
    address = ("--host", "$HOST", "--port", "$PORT")
    if script.framework in _FLASK:
        app = f"{module}:{script.app}" if script.app else module
        return Detected(("python", "-m", "flask", "--app", app, "run", *address), f"the Flask app in {name}", "python")
    if not requirement_names(folder) & {"uvicorn", "fastapi[standard]", "fastapi[all]"}:
        raise RuntimeFailure(
            f"{name} has a {script.framework} app and nothing that serves it",
            place=str(folder.path),
            hint="add uvicorn to requirements.txt, or say how to run it with command:",
        )
    argv = ("python", "-m", "uvicorn", f"{module}:{script.app}", *address)
    return Detected(argv, f"the {script.framework} app in {name}", "python")


def _packages(folder: Folder) -> Detected | None:
    if "__main__.py" in folder.names:
        return Detected(("python", "__main__.py"), "__main__.py", "python")
    packages = sorted(name.split("/")[0] for name in folder.names if name.endswith("/__main__.py"))
    usable = [name for name in packages if name.isidentifier() and name not in ("tests", "test")]
    if len(usable) != 1:
        return None
    return Detected(("python", "-m", usable[0]), f"{usable[0]}/__main__.py", "python")


def _django(folder: Folder) -> Detected | None:
    if "manage.py" not in folder.names:
        return None
    return Detected(("python", "manage.py", "runserver", "--noreload", "$HOST:$PORT"), "manage.py", "python")


def _project_script(folder: Folder) -> Detected | None:
    project = pyproject(folder)
    scripts = project.get("project", {}).get("scripts", {})
    if not isinstance(scripts, dict) or len(scripts) != 1 or "build-system" not in project:
        return None
    name = str(next(iter(scripts)))
    return Detected((name,), f"the script {name} in pyproject.toml", "python")


def _only_file(folder: Folder) -> Detected | None:
    files = [name for name in folder.names if name.endswith(".py") and "/" not in name and name != "setup.py"]
    if len(files) != 1:
        return None
    return Detected(("python", files[0]), f"{files[0]}, the only Python file", "python")


def _app(statement: ast.stmt) -> tuple[str, str | None] | None:
    """Framework and variable of `app = Flask(...)`; Flask's factory by its conventional name."""
    if isinstance(statement, ast.FunctionDef) and statement.name in ("create_app", "make_app"):
        returns = any(isinstance(node, ast.Name) and node.id == "Flask" for node in ast.walk(statement))
        return ("Flask", None) if returns else None
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not isinstance(statement.value, ast.Call):
        return None
    function, targets = statement.value.func, getattr(statement, "targets", [getattr(statement, "target", None)])
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in (*_ASGI, *_FLASK) or not isinstance(targets[0], ast.Name):
        return None
    return name, targets[0].id


def _serves(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If) and "__main__" in ast.dump(statement.test):
        return any(isinstance(node, ast.Call) for node in ast.walk(statement))
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign):
        return False
    return any(isinstance(node, ast.Call) and _called(node) in _SERVING for node in ast.walk(statement))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
