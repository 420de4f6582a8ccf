from __future__ import annotations

import os
import sys

from sandbox.runtime.environment import base_environment


def test_services_inherit_what_is_the_users() -> None:
    theirs = {"HOME": "/home/ada", "LANG": "C.UTF-8", "AWS_PROFILE": "dev", "SSL_CERT_FILE": "/ca.pem"}
    assert base_environment({**theirs, "PATH": "/usr/bin"}) == {**theirs, "PATH": "/usr/bin"}


def test_nothing_of_our_inside_leaks() -> None:
    ours = ("SANDBOX_HOME", "SANDBOX_SHIM", "UV_CACHE_DIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PORT", "PWD")
    assert base_environment(dict.fromkeys(ours, "x")).keys() == {"PATH"}


def test_our_own_environment_is_not_on_their_path() -> None:
    path = os.pathsep.join(["/home/ada/bin", f"{sys.prefix}/bin", "/usr/bin"])
    assert base_environment({"PATH": path})["PATH"] == "/home/ada/bin:/usr/bin"
