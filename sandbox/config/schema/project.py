"""The whole file."""

from __future__ import annotations

from pydantic import Field

from sandbox.config.containerfields import VolumeName
from sandbox.config.fields import ProjectName, ServiceName, Text
from sandbox.config.schema.alerts import AlertsSpec
from sandbox.config.schema.services import ServiceSpec
from sandbox.config.schema.settings import SettingsSpec
from sandbox.config.schema.traffic import MeshSpec, TrafficSpec
from sandbox.config.schema.volumes import VolumeSpec


class ProjectSpec(SettingsSpec):
    compose = "project"

    version: Text | None = Field(
        None,
        description="Compose's obsolete version of the format; ignored.",
        json_schema_extra={"deprecated": True},
    )
    name: ProjectName | None = Field(None, description="The project's name. Default: the name of the folder.")
    services: dict[ServiceName, ServiceSpec] = Field(default_factory=dict, description="The services, by name.")
    traffic: dict[Text, TrafficSpec] = Field(
        default_factory=dict, description="How requests travel, by the service they go to."
    )
    mesh: MeshSpec | None = Field(None, description="What holds for the traffic of all services.")
    volumes: dict[VolumeName, VolumeSpec | None] = Field(
        default_factory=dict, description="Named volumes, which outlive the containers that mount them."
    )
    alerts: AlertsSpec | None = Field(None, description="When somebody is told that something is wrong, and how.")
