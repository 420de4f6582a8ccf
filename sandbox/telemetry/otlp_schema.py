"""The part of OTLP's messages that is needed to count them and to keep spans and log records, for protobuf's parser.

Field numbers are those of opentelemetry-proto 1.x (https://github.com/open-telemetry/opentelemetry-proto). Its Python
package can't be used beside xds-protos, which brings an older copy of the same modules without today's fields.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "sandbox.otlp"

_MANY = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
_ONE = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_SCALARS = {
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
    "fixed32": descriptor_pb2.FieldDescriptorProto.TYPE_FIXED32,
    "fixed64": descriptor_pb2.FieldDescriptorProto.TYPE_FIXED64,
}

_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "TraceRequest": {"resource_spans": (1, "*ResourceSpans")},
    "ResourceSpans": {"resource": (1, "Resource"), "scope_spans": (2, "*ScopeSpans")},
    "ScopeSpans": {"spans": (2, "*Span")},
    "Resource": {"attributes": (1, "*KeyValue")},
    "KeyValue": {"key": (1, "string"), "value": (2, "AnyValue")},
    "AnyValue": {
        "string_value": (1, "|string"),
        "bool_value": (2, "|bool"),
        "int_value": (3, "|int64"),
        "double_value": (4, "|double"),
        "array_value": (5, "|ArrayValue"),
        "kvlist_value": (6, "|KeyValueList"),
        "bytes_value": (7, "|bytes"),
    },
    "ArrayValue": {"values": (1, "*AnyValue")},
    "KeyValueList": {"values": (1, "*KeyValue")},
    "Span": {
        "trace_id": (1, "bytes"),
        "span_id": (2, "bytes"),
        "parent_span_id": (4, "bytes"),
        "name": (5, "string"),
        "kind": (6, "int32"),
        "start_time_unix_nano": (7, "fixed64"),
        "end_time_unix_nano": (8, "fixed64"),
        "attributes": (9, "*KeyValue"),
        "events": (11, "*SpanEvent"),
        "status": (15, "SpanStatus"),
    },
    "SpanEvent": {"time_unix_nano": (1, "fixed64"), "name": (2, "string"), "attributes": (3, "*KeyValue")},
    "SpanStatus": {"message": (2, "string"), "code": (3, "int32")},
    "MetricsRequest": {"resource_metrics": (1, "*ResourceMetrics")},
    "ResourceMetrics": {"scope_metrics": (2, "*ScopeMetrics")},
    "ScopeMetrics": {"metrics": (2, "*Metric")},
    "Metric": {
        "gauge": (5, "Points"),
        "sum": (7, "Points"),
        "histogram": (9, "Points"),
        "exponential_histogram": (10, "Points"),
        "summary": (11, "Points"),
    },
    "Points": {"data_points": (1, "*Item")},
    "LogsRequest": {"resource_logs": (1, "*ResourceLogs")},
    "ResourceLogs": {"resource": (1, "Resource"), "scope_logs": (2, "*ScopeLogs")},
    "ScopeLogs": {"log_records": (2, "*LogRecord")},
    "LogRecord": {
        "time_unix_nano": (1, "fixed64"),
        "severity_number": (2, "int32"),
        "severity_text": (3, "string"),
        "body": (5, "AnyValue"),
        "attributes": (6, "*KeyValue"),
        "trace_id": (9, "bytes"),
        "span_id": (10, "bytes"),
        "observed_time_unix_nano": (11, "fixed64"),
    },
    "Item": {},
    "TraceResponse": {"partial_success": (1, "TracePartialSuccess")},
    "TracePartialSuccess": {"rejected_spans": (1, "int64"), "error_message": (2, "string")},
    "MetricsResponse": {"partial_success": (1, "MetricsPartialSuccess")},
    "MetricsPartialSuccess": {"rejected_data_points": (1, "int64"), "error_message": (2, "string")},
    "LogsResponse": {"partial_success": (1, "LogsPartialSuccess")},
    "LogsPartialSuccess": {"rejected_log_records": (1, "int64"), "error_message": (2, "string")},
    "Status": {"code": (1, "int32"), "message": (2, "string")},  # google.rpc.Status, the body of an error
}
"""Message → field → (number, type); `*` marks a repeated one, `|` one of a choice."""


_LENIENT = {
    (message, field): kind.replace("string", "bytes")
    for message, fields in _MESSAGES.items()
    for field, (_, kind) in fields.items()
} | {("Span", "attributes"): "*bytes"}
"""Other types of fields, where they are lenient."""


def new(message: str, *, lenient: bool = False) -> Any:
    """An empty message. What it does not know in data is passed over. `lenient`: texts are bytes, for senders that
    do not see to it that they are UTF-8, and a span's attributes are the bytes of each: of the many spans of one
    sender most are alike."""
    return _classes(lenient)[message]()


@cache
def _classes(lenient: bool) -> dict[str, Any]:
    package = f"{_PACKAGE}.lenient" if lenient else _PACKAGE
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, _LENIENT.get((name, field), kind) if lenient else kind, package)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in _MESSAGES
    }


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str, package: str) -> None:
    field = message.field.add(name=name, number=number, label=_MANY if kind.startswith("*") else _ONE)
    if kind.startswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="value")
        field.oneof_index = 0
    kind = kind.lstrip("*|")
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"
