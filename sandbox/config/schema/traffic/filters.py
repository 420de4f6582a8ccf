"""What is done to a request and its answer on their way: the filters of Gateway API's HTTPRoute, and one of ours."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sandbox.config.fields import TEXT, AlsoAs, Boolean, PortNumber, Text, fault
from sandbox.config.schema.spec import Spec
from sandbox.config.schema.traffic.matches import VALUE_MAP
from sandbox.config.trafficfields import (
    AnyStatus,
    Body,
    ChangedHeaderName,
    HostName,
    Method,
    OneLine,
    Origin,
    Percentage,
    RedirectStatus,
    RequestPath,
    Time,
    Token,
)


class MirroredToSpec(Spec):
    version: Text = Field(description="A version of the service.")


class MirrorSpec(Spec):
    backendRef: MirroredToSpec = Field(description="Where the copies go; their answers are thrown away.")
    percent: Percentage = Field(100.0, description="How many of the requests are copied.")


class SetHeaderSpec(Spec):
    name: ChangedHeaderName = Field(description="The header's name, in any case.")
    value: OneLine = Field(description="Its value.")


HeaderValues = Annotated[list[SetHeaderSpec], AlsoAs(VALUE_MAP)]


class HeadersSpec(Spec):
    set: HeaderValues = Field(
        default_factory=list, description="Headers that are set, whatever they were: {name: value}, or a list."
    )
    add: HeaderValues = Field(
        default_factory=list, description="Headers that are added to what is there: {name: value}, or a list."
    )
    remove: list[ChangedHeaderName] = Field(default_factory=list, description="Headers that are taken out.")

    @model_validator(mode="after")
    def _usable(self) -> HeadersSpec:
        if not (self.set or self.add or self.remove):
            raise fault("changes nothing", "add set, add or remove")
        for what, names in (
            ("set", [header.name for header in self.set]),
            ("add", [header.name for header in self.add]),
            ("remove", self.remove),
        ):
            twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
            if twice is not None:
                raise fault(f"names {twice} twice under {what}", "keep one of the two")
        both = sorted({header.name for header in (*self.set, *self.add)} & {*self.remove})
        if both:
            raise fault(f"removes {both[0]} and gives it a value", "keep one of the two")
        return self


class PathModifierSpec(Spec):
    type: Literal["ReplaceFullPath", "ReplacePrefixMatch"] | None = Field(
        None, description="Which of the two it is; the key tells as well."
    )
    replaceFullPath: RequestPath | None = Field(None, description="The whole path becomes this.")
    replacePrefixMatch: RequestPath | None = Field(
        None, description="What the rule's path matched becomes this, and the rest stays."
    )

    @model_validator(mode="after")
    def _one(self) -> PathModifierSpec:
        _exactly_one(self, "replaceFullPath", "replacePrefixMatch")
        return self


class RedirectSpec(Spec):
    scheme: Literal["http", "https"] | None = Field(None, description="Default: as the request.")
    hostname: HostName | None = Field(None, description="Default: as the request.")
    port: PortNumber | None = Field(None, description="Default: as the request, or that of the new scheme.")
    path: PathModifierSpec | None = Field(None, description="Default: as the request.")
    statusCode: RedirectStatus = Field(302, description="301, 302, 303, 307 or 308.")

    @model_validator(mode="after")
    def _elsewhere(self) -> RedirectSpec:
        if self.scheme is None and self.hostname is None and self.port is None and self.path is None:
            raise fault("leads to where the request was going anyway", "add scheme, hostname, port or path")
        return self


class RewriteSpec(Spec):
    hostname: HostName | None = Field(None, description="The Host that the service sees.")
    path: PathModifierSpec | None = Field(None, description="The path that the service sees.")

    @model_validator(mode="after")
    def _something(self) -> RewriteSpec:
        if self.hostname is None and self.path is None:
            raise fault("changes nothing", "add hostname or path")
        return self


class DirectResponseSpec(Spec):
    status: AnyStatus = Field(description="The status of the answer.")
    body: Body = Field("", description="The text of the answer.")


class CorsSpec(Spec):
    allowOrigins: Annotated[list[Origin], AlsoAs(TEXT)] = Field(
        description="Who may call from a browser: *, https://www.example.com, https://*.example.com."
    )
    allowMethods: Annotated[list[Method], AlsoAs(TEXT)] = Field(default_factory=list, description="Methods allowed.")
    allowHeaders: Annotated[list[Token], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Request headers allowed."
    )
    exposeHeaders: Annotated[list[Token], AlsoAs(TEXT)] = Field(
        default_factory=list, description="Response headers that scripts may read."
    )
    maxAge: Time | None = Field(None, description="How long a browser may remember the answer.")
    allowCredentials: Boolean = Field(False, description="Whether cookies may be sent along.")

    @model_validator(mode="after")
    def _usable(self) -> CorsSpec:
        if not self.allowOrigins:
            raise fault("allows no origin", "add allowOrigins")
        if self.maxAge is not None and self.maxAge != int(self.maxAge):
            raise fault("has a maxAge that is not whole seconds", "write it like 10m")
        return self


FILTERS = {
    "RequestMirror": "requestMirror",
    "RequestHeaderModifier": "requestHeaderModifier",
    "ResponseHeaderModifier": "responseHeaderModifier",
    "RequestRedirect": "requestRedirect",
    "URLRewrite": "urlRewrite",
    "DirectResponse": "directResponse",
    "CORS": "cors",
}
"""The key of each type."""


class FilterSpec(Spec):
    type: (
        Literal[
            "RequestMirror",
            "RequestHeaderModifier",
            "ResponseHeaderModifier",
            "RequestRedirect",
            "URLRewrite",
            "DirectResponse",
            "CORS",
        ]
        | None
    ) = Field(None, description="Which one it is; the key tells as well.")
    requestMirror: MirrorSpec | None = Field(None, description="Copies go to another version.")
    requestHeaderModifier: HeadersSpec | None = Field(None, description="Headers that the service sees.")
    responseHeaderModifier: HeadersSpec | None = Field(None, description="Headers that the caller sees.")
    requestRedirect: RedirectSpec | None = Field(None, description="The caller is sent elsewhere.")
    urlRewrite: RewriteSpec | None = Field(None, description="Host and path that the service sees.")
    directResponse: DirectResponseSpec | None = Field(None, description="Answered here, without the service.")
    cors: CorsSpec | None = Field(None, description="Who may call from a browser.")

    @model_validator(mode="after")
    def _one(self) -> FilterSpec:
        key = _exactly_one(self, *FILTERS.values())
        if self.type is not None and FILTERS[self.type] != key:
            raise fault(
                f"has the type {self.type} and the key {key}", f"the key of {self.type} is {FILTERS[self.type]}"
            )
        return self

    @property
    def key(self) -> str:
        """The one key beside `type`."""
        return _exactly_one(self, *FILTERS.values())


def _exactly_one(spec: Spec, *keys: str) -> str:
    given = [key for key in keys if getattr(spec, key) is not None]
    if not given:
        raise fault(f"needs one of {', '.join(keys)}", "add one")
    if len(given) > 1:
        raise fault(f"has {' and '.join(given)}", "keep one of them")
    return given[0]
