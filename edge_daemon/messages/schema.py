"""The JSON Schema of everything that is published: the contract with programs in other languages."""

import inspect
from typing import Any

import msgspec

from edge_daemon.messages.status import CaptureReport, WorkerReport
from edge_daemon.messages.topics import TOPICS

DETAILS = (CaptureReport, WorkerReport)
"""The `detail` of processes, by their role."""


def messages_schema() -> dict[str, Any]:
    """The JSON Schema that every published header fits."""
    headers = list(dict.fromkeys(header for topic in TOPICS.values() for header in topic.types.values()))
    _, definitions = msgspec.json.schema_components([*headers, *DETAILS], ref_template="#/$defs/{name}")
    for definition in definitions.values():
        definition["description"] = inspect.cleandoc(definition.get("description", ""))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "edge-daemon messages",
        "oneOf": [{"$ref": f"#/$defs/{header.__name__}", "description": _topics_of(header)} for header in headers],
        "$defs": definitions,
    }


def _topics_of(header: type[msgspec.Struct]) -> str:
    return "Topics: " + ", ".join(topic.pattern for topic in TOPICS.values() if header in topic.types.values())
