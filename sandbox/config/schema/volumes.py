"""Mounts of a service, and the project's named volumes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from sandbox.config.containerfields import FileMode, Target, VolumeName
from sandbox.config.fields import TEXT, Boolean, Size, String, fault
from sandbox.config.names import VOLUME
from sandbox.config.schema.spec import Spec
from sandbox.config.tree import quoted
from sandbox.config.volumeforms import long_form, tmpfs
from sandbox.model import Mount

Tmpfs = Annotated[Mount, PlainValidator(tmpfs), WithJsonSchema(TEXT)]


class BindSpec(Spec):
    compose = "bind"

    create_host_path: Boolean | None = Field(
        None,
        description="Whether a source that is not there is created as a folder. Default: when its name has no dot.",
    )
    selinux: Literal["z", "Z"] | None = Field(
        None, description="How the source is relabelled for SELinux: z is shared with other containers, Z is not."
    )


class VolumeOptionsSpec(Spec):
    compose = "volume_options"

    nocopy: Boolean = Field(False, description="A new volume stays empty instead of taking over the image's files.")


class TmpfsSpec(Spec):
    size: Size | None = Field(None, description="The most it holds.")
    mode: FileMode | None = Field(None, description="Its permissions in octal.")


class MountSpec(Spec):
    compose = "mount"

    type: Literal["bind", "volume", "tmpfs"] = Field(
        description="bind: a file or folder of this machine. volume: kept by the engine. tmpfs: in memory."
    )
    source: String | None = Field(
        None,
        description="bind: the path, relative to the first file. volume: its name under volumes; none is a new one for "
        "each instance.",
    )
    target: Target = Field(description="The path in the container.")
    read_only: Boolean = Field(False, description="Whether the service can only read it.")
    consistency: Literal["consistent", "cached", "delegated"] | None = Field(
        None, description="Once for engines of macOS; ignored.", json_schema_extra={"deprecated": True}
    )
    bind: BindSpec | None = Field(None, description="More about a bind.")
    volume: VolumeOptionsSpec | None = Field(None, description="More about a volume.")
    tmpfs: TmpfsSpec | None = Field(None, description="More about a tmpfs.")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, data: object) -> object:
        return long_form(data)

    @model_validator(mode="after")
    def _fits_its_type(self) -> MountSpec:
        if self.type == "bind" and self.source is None:
            raise fault("needs a source for the type bind", "add source: ./folder")
        if self.type == "tmpfs" and self.source is not None:
            raise fault("has a source, and a tmpfs begins empty", "take source out")
        if self.type == "volume" and self.source is not None and not VOLUME.fullmatch(self.source):
            raise fault(
                f"names a volume {quoted(self.source)}, and names have letters, digits, dots, - and _",
                f"for a folder write ./{self.source}",
            )
        for other in ("bind", "volume", "tmpfs"):
            if other != self.type and getattr(self, other) is not None:
                raise fault(f"has options under {other} and the type {self.type}", f"take {other} out")
        return self


class VolumeSpec(Spec):
    compose = "volume"

    name: VolumeName | None = Field(
        None, description="The engine's name for it; made from the project's and the key by default."
    )
    external: Boolean = Field(False, description="It is there already, and sandbox never removes it.")
