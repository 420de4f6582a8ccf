"""From nothing to a running cluster and back to nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from tests.integration.harness import Sandbox, eventually, free_port, get, instances, make_shop


def test_up_serves_through_the_gateway_and_down_leaves_nothing(sandbox: Sandbox, shop: Path) -> None:
    shared_memory = set(Path("/dev/shm").iterdir())
    said = sandbox.up(shop).stdout
    ps = sandbox.ps(shop)
    assert get(f"{ps['gateway']}/via/stock/bread")["path"] == "/bread"
    assert get(ps["gateway"], {"Host": "web.localhost"})["instance"] == "web-v1-1"
    assert ps["gateway"] in said

    sandbox.down(shop)
    assert sandbox.left_running() == []
    assert sandbox.left_on_disk() == []
    assert set(Path("/dev/shm").iterdir()) == shared_memory
    with pytest.raises(urllib.error.URLError):
        get(ps["gateway"])


def test_after_up_there_are_at_most_five_lines_and_a_next_step(sandbox: Sandbox, shop: Path) -> None:
    _, _, summary = sandbox.up(shop).stdout.partition("\n\n")
    lines, _, suggestion = summary.partition("\n\n")
    assert [line.split()[0] for line in lines.splitlines()] == ["app", "ui", "proxy", "logs", "keys"]
    assert suggestion.split()[0] == "next"


def test_ps_has_the_shape_scripts_rely_on(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    ps = sandbox.ps(shop)
    assert {"project", "runtime", "gateway", "ui", "services"} <= ps.keys()
    assert (ps["project"], ps["runtime"]) == ("shop", "process")
    (web, stock) = ps["services"]
    assert {"name", "status", "url", "replicas", "ready", "instances"} <= web.keys()
    assert (web["name"], web["status"], web["replicas"], web["ready"]) == ("web", "healthy", 1, 1)
    assert web["url"].startswith("http://web.localhost:")
    assert (stock["url"], stock["ready"]) == (None, 2)
    keys = {"id", "version", "status", "address", "pid", "container", "restarts", "started_at", "reason"}
    assert keys <= stock["instances"][0].keys()
    assert stock["instances"][0]["id"] == "stock-v1-1"


def test_requests_go_to_all_replicas_and_names_work_without_variables(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    gateway = sandbox.ps(shop)["gateway"]
    assert {get(f"{gateway}/via/stock/")["instance"] for _ in range(20)} == {"stock-v1-1", "stock-v1-2"}
    assert get(f"{gateway}/name/stock/by-name")["path"] == "/by-name"


def test_taken_ports_are_named_and_others_are_used_and_kept(sandbox: Sandbox) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        socket.create_server(("127.0.0.1", 0)) as three,
    ):
        gateway, ui, otlp = (server.getsockname()[1] for server in (one, two, three))
        shop = make_shop(sandbox.home / "shop", gateway=gateway, ui=ui, otlp=otlp)
        said = sandbox.up(shop).stdout
        for name, port in (("gateway", gateway), ("UI", ui), ("OTLP", otlp)):
            assert f"because {port} is taken by" in said
            assert f"{name} is on 127.0.0.1:" in said
        assert f"(pid {os.getpid()})" in said
        ps = sandbox.ps(shop)
        assert get(ps["gateway"])["instance"] == "web-v1-1"
        sandbox.down(shop)
    sandbox.up(shop)
    assert sandbox.ps(shop)["gateway"] == ps["gateway"]


def test_two_projects_and_two_copies_of_one_run_side_by_side(sandbox: Sandbox) -> None:
    port = free_port()
    apps = [
        make_shop(sandbox.home / "a", gateway=port),
        make_shop(sandbox.home / "b", gateway=port),
        make_shop(sandbox.home / "c", name="other", gateway=port),
    ]
    for app in apps:
        sandbox.up(app)
    gateways = {sandbox.ps(app)["gateway"] for app in apps}
    assert len(gateways) == 3
    for gateway in gateways:
        assert get(f"{gateway}/via/stock/")["instance"].startswith("stock-v1-")
    sandbox.down(apps[0])
    assert [sandbox.ps(app)["services"][0]["status"] for app in apps[1:]] == ["healthy", "healthy"]


def test_a_service_that_never_gets_well_is_named_with_its_last_words(sandbox: Sandbox, shop: Path) -> None:
    (shop / "stock" / "app.py").write_text("print('the flour is gone', flush=True)\nraise SystemExit(3)\n")
    failed = sandbox.run("up", shop, "-d", check=1)  # long before the timeout
    assert "error: stock" in failed.stderr
    assert "the flour is gone" in failed.stderr
    assert "exit code 3" in failed.stderr
    stock, web = instances(sandbox.ps(shop), "stock"), instances(sandbox.ps(shop), "web")
    assert stock[0]["status"] == "backoff"
    assert web[0]["status"] == "healthy"


def test_stop_start_restart_and_scale(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    before = {one["pid"] for one in instances(sandbox.ps(shop), "stock")}
    sandbox.run("restart", "stock", cwd=shop)
    eventually(lambda: before.isdisjoint(one["pid"] for one in instances(sandbox.ps(shop), "stock")))
    sandbox.run("wait", cwd=shop)
    sandbox.run("stop", "stock", cwd=shop)
    sandbox.run("wait", "stock", "--for", "stopped", cwd=shop)
    assert instances(sandbox.ps(shop), "stock") == []
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(sandbox.ps(shop)["gateway"] + "/via/stock/")
    assert refused.value.code >= 500
    refused.value.close()
    sandbox.run("start", "stock", cwd=shop)
    sandbox.run("scale", "stock=3", cwd=shop)
    sandbox.run("wait", cwd=shop)
    assert len(instances(sandbox.ps(shop), "stock")) == 3


def test_logs_and_exec(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    get(sandbox.ps(shop)["gateway"] + "/via/stock/a-sack-of-flour")
    assert "a-sack-of-flour" in sandbox.run("logs", "stock", cwd=shop).stdout
    assert sandbox.run("exec", "stock", "--", "sh", "-c", "echo $SANDBOX_SERVICE", cwd=shop).stdout == "stock\n"
    assert sandbox.run("exec", "stock", "--", "sh", "-c", "exit 5", cwd=shop, check=5)


def test_up_again_applies_what_changed(sandbox: Sandbox, shop: Path) -> None:
    sandbox.up(shop)
    before = {one["id"]: one["pid"] for one in instances(sandbox.ps(shop), "stock")}
    file = shop / "sandbox.yaml"
    file.write_text(file.read_text().replace("replicas: 2", "replicas: 1"))
    assert "already running" in sandbox.up(shop).stdout
    assert {one["id"]: one["pid"] for one in instances(sandbox.ps(shop), "stock")}.items() <= before.items()
    file.write_text(file.read_text() + "  broken: {buld: ./x}\n")
    wrong = sandbox.run("up", shop, "-d", check=2)
    assert "sandbox.yaml:" in wrong.stderr
    assert sandbox.ps(shop)["services"][0]["status"] == "healthy"


def test_up_again_from_another_shell_sees_its_variables(sandbox: Sandbox, shop: Path) -> None:
    file = shop / "sandbox.yaml"
    file.write_text(file.read_text().replace("    build: ./stock\n", "    build: ./stock\n    environment: [GRAIN]\n"))
    sandbox.environment["GRAIN"] = "rye"
    sandbox.up(shop)
    web = instances(sandbox.ps(shop), "web")[0]["pid"]

    sandbox.environment |= {"GRAIN": "oats", "COLOUR": "blue"}
    sandbox.up(shop)
    eventually(lambda: sandbox.run("exec", "stock", "--", "printenv", "GRAIN", cwd=shop).stdout == "oats\n")
    assert instances(sandbox.ps(shop), "web")[0]["pid"] == web

    stock = {one["pid"] for one in instances(sandbox.ps(shop), "stock")}
    os.kill(sandbox.ps(shop)["supervisor_pid"], signal.SIGKILL)
    eventually(lambda: sandbox.ps(shop)["notices"] is not None)
    assert {one["pid"] for one in instances(sandbox.ps(shop), "stock")} == stock


def test_nothing_of_the_users_environment_is_needed(sandbox: Sandbox, shop: Path) -> None:
    """A bare environment, as under cron or in a minimal container."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(sandbox.home), "SANDBOX_HOME": str(sandbox.state)}

    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "up", str(shop), "-d"], env=bare, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
