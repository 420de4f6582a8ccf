"""The shape of sandbox.yaml in its long forms, one model for each map in it. The descriptions are what editors show.

Strict: a wrong type is an error, and so is an unknown key, except `x-…`. A key without a value counts as absent.
"""

from sandbox.config.schema.project import ProjectSpec
from sandbox.config.schema.services import (
    BuildSpec,
    DeploySpec,
    DevelopSpec,
    EnvFileSpec,
    HealthcheckSpec,
    PortSpec,
    ServiceSpec,
    VersionSpec,
)
from sandbox.config.schema.settings import SettingsSpec
from sandbox.config.schema.spec import Spec
from sandbox.config.schema.traffic import HeaderSpec, RetrySpec, RuleSpec, TimeoutsSpec, TrafficSpec

__all__ = [
    "BuildSpec",
    "DeploySpec",
    "DevelopSpec",
    "EnvFileSpec",
    "HeaderSpec",
    "HealthcheckSpec",
    "PortSpec",
    "ProjectSpec",
    "RetrySpec",
    "RuleSpec",
    "ServiceSpec",
    "SettingsSpec",
    "Spec",
    "TimeoutsSpec",
    "TrafficSpec",
    "VersionSpec",
]
