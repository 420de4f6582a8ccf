"""What a file that fits the schema can still have wrong: names nobody has, ports used twice, rules nothing reaches."""

from __future__ import annotations

from sandbox.config.checks.alerts import check_alerts
from sandbox.config.checks.containers import check_containers
from sandbox.config.checks.external import check_external
from sandbox.config.checks.graph import check_graph
from sandbox.config.checks.services import check_services
from sandbox.config.checks.settings import check_settings
from sandbox.config.checks.subject import Subject
from sandbox.config.checks.traffic import check_traffic
from sandbox.config.tree import Entries, Problems
from sandbox.model import Project

_CHECKS = (
    check_services,
    check_external,
    check_containers,
    check_graph,
    check_traffic,
    check_alerts,
    check_settings,
)


def check(project: Project, root: Entries, problems: Problems) -> None:
    subject = Subject(project, root, problems)
    for one in _CHECKS:
        one(subject)


__all__ = ["check"]
