"""How much is traced, and who else gets it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, WithJsonSchema

from sandbox.config.fields import String, fault, kind, number, text
from sandbox.config.schema.spec import Spec

EVERY = "all"

_MOST = 1000


def _rate(value: object) -> float | str:
    found = number(value)
    if found == EVERY:
        return EVERY
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= _MOST:
        raise fault(f"should be a number of traces, not {kind(value)}", f"write all, or a number from 0 to {_MOST}")
    return float(found)


def _endpoint(value: object) -> str:
    url = text(value)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise fault(f"is no address of a collector: {url}", "write it like http://localhost:4318")
    if parts.path.rstrip("/").endswith("/v1/traces"):
        raise fault("names one signal only", "leave /v1/traces out: it is put behind by itself")
    return url


Rate = Annotated[
    float | str,
    PlainValidator(_rate),
    WithJsonSchema({"anyOf": [{"const": EVERY}, {"type": "number", "minimum": 0, "maximum": _MOST}]}),
]
Endpoint = Annotated[str, PlainValidator(_endpoint), WithJsonSchema({"type": "string", "pattern": "^https?://"})]


class TracesSpec(Spec):
    per_second: Rate | None = Field(
        None, description="How many requests a second are begun to be traced; all is every one, 0 is none."
    )


class OtlpExportSpec(Spec):
    endpoint: Endpoint = Field(description="A collector's address for OTLP over HTTP, such as http://localhost:4318.")
    headers: dict[str, String] = Field(default_factory=dict, description="What is sent along, such as a key.")


class ExportSpec(Spec):
    otlp: OtlpExportSpec | None = Field(None, description="A collector of yours.")
