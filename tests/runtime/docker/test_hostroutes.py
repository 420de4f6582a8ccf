"""What this machine can reach already."""

from __future__ import annotations

import json
import socket
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.runtime.docker import hostroutes
from sandbox.runtime.docker.hostroutes import (
    known_networks,
    of_iproute,
    of_netstat,
    of_proc,
    of_resolv_conf,
    own_addresses,
)

PROC = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""

NETSTAT = """\
Routing tables

Internet:
Destination        Gateway            Flags           Netif Expire
default            192.168.64.1       UGScg             en0
10.8/16            10.8.0.5           UGSc            utun3
127                127.0.0.1          UCS               lo0
192.168.64         link#4             UCS               en0
192.168.64.7/32    link#4             UCS               en0
224.0.0/4          link#4             UmCS              en0
"""


def networks(*found: str) -> list[IPv4Network]:
    return [IPv4Network(one) for one in found]


def test_routes_of_iproute() -> None:
    routes = [
        {"dst": "default", "gateway": "192.168.0.1", "dev": "eth0"},
        {"dst": "10.8.0.0/16", "dev": "wg0", "table": "51820"},
        {"dst": "10.9.1.1", "dev": "tun0"},
        {"type": "unreachable", "dst": "172.30.0.0/16"},
        {"type": "local", "dst": "192.168.0.7", "table": "local"},
        {"type": "broadcast", "dst": "192.168.0.255", "table": "local"},
    ]
    assert list(of_iproute(json.dumps(routes))) == networks("10.8.0.0/16", "10.9.1.1/32", "172.30.0.0/16")
    assert list(of_iproute("")) == list(of_iproute("Object unknown")) == []


def test_routes_of_the_kernels_own_table() -> None:
    assert list(of_proc(PROC)) == networks("0.0.0.0/0", "172.17.0.0/16", "192.168.0.0/24")


def test_name_servers_behind_the_default_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# made by hand\nsearch example.org\nnameserver 10.255.255.53\nnameserver fe80::1%eth0\nnameserver\n"
    assert list(of_resolv_conf(text)) == networks("10.255.255.53/32")
    file = tmp_path / "resolv.conf"
    file.write_text(text)
    monkeypatch.setattr(hostroutes, "_RESOLVERS", (tmp_path / "missing", file))
    assert IPv4Network("10.255.255.53/32") in known_networks()


def test_whom_it_talks_to_behind_the_default_route() -> None:
    with socket.create_server(("127.0.0.9", 0)) as server, socket.create_connection(server.getsockname()):
        assert IPv4Network("127.0.0.9/32") in known_networks()


def test_routes_of_bsd() -> None:
    expected = networks("10.8.0.0/16", "127.0.0.0/8", "192.168.64.0/24", "192.168.64.7/32", "224.0.0.0/4")
    assert list(of_netstat(NETSTAT)) == expected


@given(st.text())
def test_nonsense_is_no_route(text: str) -> None:
    assert all(isinstance(one, IPv4Network) for one in of_netstat(text))


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "127.0.0.1" in own_addresses()
    found = {*known_networks()}
    assert IPv4Network("127.0.0.0/8") in found
    with monkeypatch.context() as patch:
        patch.setattr("sandbox.runtime.docker.hostroutes.shutil.which", lambda name: None)
        without_iproute = {one for one in known_networks() if one.prefixlen}
    found |= {*known_networks()}  # tests beside this one make networks and remove them
    assert without_iproute <= found


def test_what_is_bound_here_is_within_what_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()[0]
    assert any(IPv4Network(address).subnet_of(one) for one in known_networks())
