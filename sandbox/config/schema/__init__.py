"""The shape of sandbox.yaml in its long forms, one model for each map in it. The descriptions are what editors show.

Strict: a wrong type is an error, and so is an unknown key, except `x-…`. A key without a value counts as absent.
"""

from sandbox.config.schema.alerts import AlertRuleSpec, AlertsSpec, LatencySpec, NotifySpec, ObjectivesSpec
from sandbox.config.schema.containers import ContainerSpec
from sandbox.config.schema.project import ProjectSpec
from sandbox.config.schema.reload import ReloadSpec
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
from sandbox.config.schema.settings import DockerSpec, ImagesSpec, SettingsSpec
from sandbox.config.schema.spec import Spec
from sandbox.config.schema.volumes import BindSpec, MountSpec, TmpfsSpec, VolumeOptionsSpec, VolumeSpec

__all__ = [
    "AlertRuleSpec",
    "AlertsSpec",
    "BindSpec",
    "BuildSpec",
    "ContainerSpec",
    "DeploySpec",
    "DevelopSpec",
    "DockerSpec",
    "EnvFileSpec",
    "HealthcheckSpec",
    "ImagesSpec",
    "LatencySpec",
    "MountSpec",
    "NotifySpec",
    "ObjectivesSpec",
    "PortSpec",
    "ProjectSpec",
    "ReloadSpec",
    "ServiceSpec",
    "SettingsSpec",
    "Spec",
    "TmpfsSpec",
    "VersionSpec",
    "VolumeOptionsSpec",
    "VolumeSpec",
]
