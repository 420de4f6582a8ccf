from __future__ import annotations

from pathlib import Path

from sandbox.daemon.trust import ca_bundle


def test_what_the_environment_names_goes_before_the_system_s(tmp_path: Path) -> None:
    own = tmp_path / "ca.pem"
    own.write_text("")
    assert ca_bundle({"SSL_CERT_FILE": str(own)}) == own


def test_a_file_that_is_not_there_is_passed_over(tmp_path: Path) -> None:
    assert ca_bundle({"SSL_CERT_FILE": str(tmp_path / "none.pem")}) == ca_bundle({})
