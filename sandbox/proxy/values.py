"""Times, shares and headers as Envoy writes them."""

from __future__ import annotations

from collections.abc import Mapping

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption, Metadata
from envoy.type.v3.percent_pb2 import FractionalPercent
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct

METADATA = "sandbox"
"""The key of all metadata of ours."""


def duration(seconds: float) -> Duration:
    made = Duration()
    made.FromMicroseconds(round(seconds * 1_000_000))
    return made


def share(percentage: float) -> FractionalPercent:
    """In millionths: Envoy draws once for a request, and a round number of them leaves the later choice between
    versions as it was."""
    return FractionalPercent(numerator=round(percentage * 10_000), denominator=FractionalPercent.MILLION)


def header(name: str, value: str, *, append: bool = False) -> HeaderValueOption:
    """`value` as it is: what looks like one of Envoy's formats is none."""
    return formatted_header(name, value.replace("%", "%%"), append=append)


def formatted_header(name: str, value: str, *, append: bool = False) -> HeaderValueOption:
    action = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD if append else HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return HeaderValueOption(header=HeaderValue(key=name, value=value), append_action=action, keep_empty_value=True)


def metadata(fields: Mapping[str, str]) -> Metadata:
    struct = Struct()
    struct.update(dict(fields))
    return Metadata(filter_metadata={METADATA: struct})
