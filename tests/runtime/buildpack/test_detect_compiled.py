"""Folders of Go, Java and pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.runtime.buildpack.detect import detect
from sandbox.runtime.buildpack.detect_go import go_run, program_name
from sandbox.runtime.buildpack.detected import Detected
from sandbox.runtime.buildpack.folder import read_folder

MAIN = "package main\n\nfunc main() {}\n"
JAVA_MAIN = "class A { public static void main(String[] args) {} }"
CLASSPATH = ("java", "-cp", "target/classes:target/dependency/*")
SERVER = ("python", "-m", "http.server", "$PORT", "--bind", "$HOST", "--protocol", "HTTP/1.1", "--directory")


def found(root: Path, files: dict[str, str], command: tuple[str, ...] | None = None) -> Detected:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return detect(read_folder(root), command)


@pytest.mark.parametrize(
    ("files", "argv", "origin", "language"),
    [
        ({"go.mod": "module a", "main.go": MAIN, "tools.py": "print()"}, ("go", "run", "."), "go.mod", "go"),
        (
            {"go.mod": "module a", "a.go": "package a", "cmd/server/main.go": MAIN},
            ("go", "run", "./cmd/server"),
            "the program cmd/server",
            "go",
        ),
        ({"main.go": MAIN}, ("go", "run", "main.go"), "main.go", "go"),
        ({"Main.java": "", "Other.java": ""}, ("java", "Main.java"), "Main.java", "java"),
        ({"Prices.java": ""}, ("java", "Prices.java"), "Prices.java", "java"),
        ({"shop-1.0.jar": ""}, ("java", "-jar", "shop-1.0.jar"), "shop-1.0.jar", "java"),
        (
            {"pom.xml": "<project/>", "src/main/java/shop/Depot.java": JAVA_MAIN, "src/main/java/shop/Hop.java": ""},
            (*CLASSPATH, "shop.Depot"),
            "pom.xml",
            "java",
        ),
        (
            {"pom.xml": "<mainClass>shop.Cart</mainClass>", "src/main/java/shop/Depot.java": JAVA_MAIN},
            (*CLASSPATH, "shop.Cart"),
            "pom.xml",
            "java",
        ),
        (
            {"pom.xml": "<artifactId>quarkus-maven-plugin</artifactId>"},
            ("java", "-jar", "target/quarkus-app/quarkus-run.jar"),
            "pom.xml",
            "java",
        ),
        ({"index.html": "<p>"}, (*SERVER, "."), "index.html", "static"),
        ({"public/index.html": "<p>"}, (*SERVER, "public"), "public/index.html", "static"),
        ({"index.html": "<p>", "app.py": "import x\nx.run()"}, ("python", "app.py"), "app.py", "python"),
        (
            {"index.html": "<p>", "package.json": '{"scripts": {"start": "node a.js"}}'},
            ("node", "a.js"),
            "the start script in package.json",
            "node",
        ),
        (
            {"go.mod": "module a", "main.go": MAIN, "requirements.txt": "", "app.py": "x.run()"},
            ("python", "app.py"),
            "app.py",
            "python",
        ),
    ],
)
def test_how_a_folder_is_run(
    tmp_path: Path, files: dict[str, str], argv: tuple[str, ...], origin: str, language: str
) -> None:
    assert found(tmp_path, files) == Detected(argv, origin, language)


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (
            {"go.mod": "module a", "cmd/a/main.go": MAIN, "cmd/b/main.go": MAIN},
            "several programs: cmd/a, cmd/b",
            "go run ./cmd/a",
        ),
        ({"go.mod": "module a", "a.go": "package a"}, "no package main", "command: go run"),
        ({"go.mod": "module a", "a_test.go": MAIN}, "no package main", "command: go run"),
        (
            {"pom.xml": "", "src/main/java/A.java": JAVA_MAIN, "src/main/java/b/B.java": JAVA_MAIN},
            "several classes to start: A, b.B",
            "target/dependency/*' A",
        ),
        ({"pom.xml": ""}, "no class with a main method", "command: java -cp"),
        ({"a.jar": "", "b.jar": ""}, "looked for Procfile, .*go.mod, .*pom.xml, a jar, .*index.html", "command:"),
    ],
)
def test_what_is_missing_is_said(tmp_path: Path, files: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(RuntimeFailure, match=message) as failure:
        found(tmp_path, files)
    assert failure.value.place == str(tmp_path)
    assert hint in failure.value.hint


@pytest.mark.parametrize(
    ("files", "command", "language"),
    [
        ({"go.mod": "module a"}, ("./server",), "go"),
        ({"pom.xml": ""}, ("java", "-jar", "target/a.jar"), "java"),
        ({}, ("go", "run", "x.go"), "go"),
        ({}, ("./serve",), "other"),
    ],
)
def test_the_language_of_a_given_command(
    tmp_path: Path, files: dict[str, str], command: tuple[str, ...], language: str
) -> None:
    assert found(tmp_path, files, command) == Detected(command, "command", language)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("go", "run", "."), ((".",), ())),
        (("go", "run", "./cmd/x", "-v", "a.go"), (("./cmd/x",), ("-v", "a.go"))),
        (("go", "run", "a.go", "b.go", "c"), (("a.go", "b.go"), ("c",))),
        (("go", "run", "-race", "."), None),
        (("go", "run"), None),
        (("./server",), None),
    ],
)
def test_what_go_run_builds(argv: tuple[str, ...], expected: object) -> None:
    assert go_run(argv) == expected


@pytest.mark.parametrize(
    ("module", "target", "name"),
    [
        ("module example.com/shop/orders", ".", "orders"),
        ("module example.com/shop/orders/v2", ".", "orders"),
        ("module example.com/orders", "./cmd/server", "server"),
        ("", "main.go", "main"),
        ('module "quoted"', ".", "quoted"),
    ],
)
def test_what_a_program_is_called(tmp_path: Path, module: str, target: str, name: str) -> None:
    (tmp_path / "go.mod").write_text(f"// a shop\n{module}\n\ngo 1.19\n")
    assert program_name(read_folder(tmp_path), target) == name
