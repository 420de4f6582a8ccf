"""What containers are made with: the payload, and what the engine makes of it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest

from sandbox.errors import RuntimeFailure
from sandbox.model import Limits, Mount, MountKind, Project, Volume
from sandbox.runtime.base import InstanceSpec
from sandbox.runtime.docker.containers import Frame, container_name, extra_hosts, payload, to_create, volume_name
from sandbox.runtime.docker.networks import Attachment
from tests.docker_engine import RealEngine
from tests.runtime.docker.stage import Stage, stage

ATTACHED = Attachment(network="shop", address="10.1.1.2", proxy="10.1.0.1")


@pytest.fixture
def drafts(engine: RealEngine, tmp_path: Path) -> Stage:
    """Specs and a project, nothing that runs."""
    from sandbox.paths import ProjectPaths

    return Stage(engine, ProjectPaths(tmp_path, "shop-1"), "host")


def body(spec: InstanceSpec, project: Project, memory: int = 8 * 2**30) -> dict[str, Any]:
    return payload(spec, Frame(id="shop-1", project=project, memory=memory, names={"stock": "proxy"}), ATTACHED)


# --- pure -----------------------------------------------------------------------------------------------------------


def test_names() -> None:
    assert container_name("shop-1", "web-v1-1") == "shop-1-web-v1-1"
    assert extra_hosts({"stock": "proxy", "here": "10.0.0.9"}, "10.1.0.1") == ["stock:10.1.0.1", "here:10.0.0.9"]


def test_limits_that_nobody_sets_are_set(drafts: Stage) -> None:
    host = body(drafts.spec("x"), drafts.project)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (4 * 2**30, 4 * 2**30, 1024)
    assert body(drafts.spec("x"), drafts.project, memory=2**30)["HostConfig"]["Memory"] == 2**29
    assert body(drafts.spec("x"), drafts.project, memory=0)["HostConfig"]["Memory"] == 4 * 2**30
    assert "NanoCpus" not in host


def test_limits_of_the_file(drafts: Stage) -> None:
    host = body(drafts.spec("x", limits=Limits(memory=2**26, cpus=0.5, pids=7)), drafts.project)["HostConfig"]
    wanted = {"Memory": 2**26, "MemorySwap": 2**26, "NanoCpus": 500_000_000, "PidsLimit": 7}
    assert wanted.items() <= host.items()


def test_an_entrypoint_of_the_file_drops_the_images_command(drafts: Stage) -> None:
    assert body(drafts.spec("a"), drafts.project)["Cmd"] == ["a"]
    assert {"Cmd", "Entrypoint"}.isdisjoint(body(drafts.spec(), drafts.project))
    given = body(drafts.spec(entrypoint=("run", "$PORT"), environment={"PORT": "80"}), drafts.project)
    assert (given["Entrypoint"], given["Cmd"]) == (["run", "80"], [])
    none = body(drafts.spec("a", entrypoint=()), drafts.project)
    assert (none["Entrypoint"], none["Cmd"]) == ([""], ["a"])


def test_volumes_of_others_do_not_get_our_label(drafts: Stage) -> None:
    drafts.volumes = {"rows": Volume(), "theirs": Volume(name="theirs", external=True)}
    mounts = tuple(Mount(kind=MountKind.VOLUME, source=source, target=f"/{source}") for source in ("rows", "theirs"))
    rows, theirs = body(drafts.spec("x", mounts=mounts), drafts.project)["HostConfig"]["Mounts"]
    assert (rows["Source"], theirs["Source"]) == ("shop-1_rows", "theirs")
    assert rows["VolumeOptions"]["Labels"]["dev.sandbox.project"] == "shop-1"
    assert theirs["VolumeOptions"]["Labels"] == {}
    assert volume_name("shop-1", drafts.project, "other") == "shop-1_other"


def test_mounts_that_selinux_relabels_have_a_form_of_their_own(drafts: Stage) -> None:
    mounts = (
        Mount(kind=MountKind.BIND, source="/data", target="/a", selinux="Z", read_only=True),
        Mount(kind=MountKind.BIND, source="/data", target="/b", create=True),
    )
    spec = drafts.spec("x", mounts=mounts)
    host = body(spec, drafts.project)["HostConfig"]
    assert host["Binds"] == ["/data:/a:Z,ro"]
    assert [one["Target"] for one in host["Mounts"]] == ["/b"]
    assert to_create(spec.workload.version) == [Path("/data")]


# --- what the engine makes of it ------------------------------------------------------------------------------------


async def test_a_container_is_hardened_limited_and_marked(either: Stage) -> None:
    running = await either.start(labels={"team": "dough"})
    found = either.inspect(running)
    host, labels = found["HostConfig"], found["Config"]["Labels"]
    assert (host["CapDrop"], host["CapAdd"] or [], host["Privileged"]) == (["ALL"], [], False)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["PidsLimit"] == 1024
    assert 0 < host["Memory"] == host["MemorySwap"]
    assert host["Init"] is True
    assert host["RestartPolicy"]["Name"] == "no"
    assert (found["NetworkSettings"]["Ports"] or {}, host["PublishAllPorts"]) == ({}, False)
    assert not any("docker.sock" in str(mount) for mount in found["Mounts"])
    assert len(found["NetworkSettings"]["Networks"]) == 1
    assert (
        labels.items()
        >= {
            "dev.sandbox.project": either.id,
            "dev.sandbox.service": "web",
            "dev.sandbox.version": "v1",
            "dev.sandbox.instance": "web-v1-1",
            "com.docker.compose.project": either.id,
            "com.docker.compose.service": "web",
            "com.docker.compose.container-number": "1",
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.project.working_dir": "/srv/test",
            "com.docker.compose.project.config_files": "/srv/test/sandbox.yaml",
            "team": "dough",
        }.items()
    )
    assert "CapBnd:\t0000000000000000" in await either.said_inside(running, "cat", "/proc/self/status")


async def test_whoever_opts_out_still_can_not_forge_addresses(theatre: Stage) -> None:
    running = await theatre.start(hardened=False)
    status = await theatre.said_inside(running, "cat", "/proc/self/status")
    (bounding,) = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapBnd")]
    net_admin, net_raw, chown = 1 << 12, 1 << 13, 1 << 0
    assert bounding & (net_admin | net_raw) == 0
    assert bounding & chown
    assert (await theatre.driver.run(running.id, ["ip", "address", "flush", "dev", "eth0"], timeout=5))[0] != 0


async def test_names_lead_to_the_proxy(either: Stage) -> None:
    running = await either.start()
    orders = (await either.said_inside(running, "getent", "hosts", "orders")).split()[0]
    assert (await either.said_inside(running, "getent", "hosts", "elsewhere")).split()[0] == "192.0.2.1"
    mesh = await either.driver.configure(either.project, ("web", "stock"), {})
    if either.layout == "host":
        assert orders == mesh.bind
    else:
        assert IPv4Address(orders) in IPv4Network(mesh.ranges["web"])
    assert IPv4Address(running.host) in IPv4Network(mesh.ranges["web"])


async def test_user_folder_environment_and_entrypoint(theatre: Stage) -> None:
    script = 'id -u; pwd; echo "$GREETING"; cat /proc/1/comm'
    given = {"user": "1234", "working_dir": "/usr/lib", "environment": {"GREETING": "good  morning"}}
    assert await theatre.outcome(script, **given) == (
        "exit code 0",
        "1234\n/usr/lib\ngood  morning\ndocker-init\n",
    )
    await theatre.start("one", "two", entrypoint=("echo", "$PORT"), environment={"PORT": "80"})
    await theatre.exit()
    assert theatre.log().endswith("\n80 one two\n")


async def test_mounts(theatre: Stage, tmp_path: Path) -> None:
    (tmp_path / "read").mkdir()
    (tmp_path / "read" / "page").write_text("hello\n")
    mounts = (
        Mount(kind=MountKind.BIND, source=str(tmp_path / "read"), target="/read", read_only=True),
        Mount(kind=MountKind.BIND, source=str(tmp_path / "made"), target="/made", create=True),
        Mount(kind=MountKind.TMPFS, source=None, target="/fast", size=1024 * 1024, mode=0o700),
    )
    script = "cat /read/page; touch /read/x 2>/dev/null || echo refused; echo hi >/made/it; stat -fc %T /fast"
    assert await theatre.outcome(script, mounts=mounts) == ("exit code 0", "hello\nrefused\ntmpfs\n")
    assert (tmp_path / "made" / "it").read_text() == "hi\n"


async def test_a_root_file_system_that_is_read_only(theatre: Stage) -> None:
    mounts = (Mount(kind=MountKind.TMPFS, source=None, target="/tmp"),)
    script = "touch /x 2>/dev/null || echo refused; touch /tmp/x && echo done"
    assert await theatre.outcome(script, mounts=mounts, read_only=True) == ("exit code 0", "refused\ndone\n")


async def test_named_volumes_stay_and_anonymous_ones_go(engine: RealEngine) -> None:
    async with stage(engine, keeps=["volume rows-of-test"]) as theatre:
        theatre.volumes = {"rows": Volume(name="rows-of-test")}
        await theatre.driver.configure(theatre.project, ("web", "stock"), {})
        mounts = (
            Mount(kind=MountKind.VOLUME, source="rows", target="/rows"),
            Mount(kind=MountKind.VOLUME, source=None, target="/scratch"),
        )
        running = await theatre.shell("echo kept >/rows/a; echo lost >/scratch/a; sleep 600", mounts=mounts)
        names = {mount["Destination"]: mount["Name"] for mount in theatre.inspect(running)["Mounts"]}
        await theatre.driver.stop(running.id, 0.0)
        await theatre.exit()
        await theatre.driver.clear()
        left = {one["Name"]: one for one in engine.api.volumes()["Volumes"] or ()}
        assert names["/scratch"] not in left
        assert left["rows-of-test"]["Labels"]["com.docker.compose.volume"] == "rows"
    engine.api.remove_volume("rows-of-test")


async def test_too_much_memory(theatre: Stage) -> None:
    """Tried anew where only the end is told: containerd says that memory ran out beside it, and may be late."""
    greedy = "import time; hoard = [b'x' * 2**20 for _ in range(512)]; time.sleep(60)"
    for _ in range(3):
        await theatre.start("python3", "-c", greedy, limits=Limits(memory=32 * 2**20))
        told = (await theatre.exit()).describe()
        if "memory" in told:
            break
    assert told == "killed by signal 9 (SIGKILL), out of memory (its limit is 32 MiB)"


# --- what can't be started ------------------------------------------------------------------------------------------


async def refusal(theatre: Stage, spec: InstanceSpec) -> RuntimeFailure:
    with pytest.raises(RuntimeFailure) as failure:
        await theatre.driver.start(spec)
    assert await theatre.driver.running() == ()
    assert theatre.containers() == set()
    assert failure.value.place == spec.id
    assert failure.value.hint
    return failure.value


async def test_no_such_image(theatre: Stage) -> None:
    failure = await refusal(theatre, theatre.spec("x", image="sandbox-test/no-such-image:1"))
    assert "its image is gone" in failure.message


async def test_no_such_program(theatre: Stage, tmp_path: Path) -> None:
    assert (await refusal(theatre, theatre.spec("no-such-program"))).message == (
        "no-such-program: no such file or directory in the image"
    )
    assert (await refusal(theatre, theatre.spec("./bin/x", working_dir="/usr"))).message == (
        "./bin/x: no such file or directory in the image"
    )
    assert "no command" in (await refusal(theatre, theatre.spec(entrypoint=()))).message.lower()


async def test_a_program_may_come_with_a_mount(theatre: Stage, tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\necho mounted\n")
    mount = Mount(kind=MountKind.BIND, source=str(tmp_path), target="/opt/tools")
    (tmp_path / "tool").chmod(0o755)
    await theatre.start("tool", mounts=(mount,), environment={"PATH": "/opt/tools:/usr/bin:/bin"})
    assert (await theatre.exit()).describe() == "exit code 0"
    assert theatre.log() == "mounted\n"


async def test_a_source_that_is_not_there(theatre: Stage) -> None:
    mount = Mount(kind=MountKind.BIND, source="/no/such/folder", target="/data")
    failure = await refusal(theatre, theatre.spec(*("sleep", "1"), mounts=(mount,)))
    assert "/no/such/folder" in failure.message
    assert "volumes" in failure.hint


async def test_a_folder_that_can_not_be_made(theatre: Stage, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    mount = Mount(kind=MountKind.BIND, source=str(tmp_path / "file" / "folder"), target="/data", create=True)
    failure = await refusal(theatre, theatre.spec(*("sleep", "1"), mounts=(mount,)))
    assert "can't be made" in failure.message


async def test_a_name_that_somebody_else_has(theatre: Stage, engine: RealEngine) -> None:
    name = f"{theatre.id}-web-v1-1"
    foreign = engine.api.create_container(engine.image("python"), ["true"], name=name)["Id"]
    try:
        with pytest.raises(RuntimeFailure, match=f"there is a container {name} that is not ours") as failure:
            await theatre.start()
        assert failure.value.hint == f"remove it: docker rm -f {name}"
        assert engine.api.inspect_container(foreign)["Name"] == f"/{name}"
    finally:
        engine.api.remove_container(foreign, force=True)
    await theatre.start()


async def test_a_container_of_ours_that_was_left_over_makes_room(theatre: Stage, engine: RealEngine) -> None:
    name = f"{theatre.id}-web-v1-1"
    engine.api.create_container(engine.image("python"), ["true"], name=name, labels={"dev.sandbox.project": theatre.id})
    running = await theatre.start()
    assert theatre.inspect(running)["State"]["Running"]
