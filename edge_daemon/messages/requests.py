"""Requests to the supervisor, from a process (by its control channel) or from a program (by the control socket).

To add a request: define its struct here, list it in `AnyRequest`, and register a handler for it in the supervisor
(`RequestRouter.on`). A process sends it with `Control.ask`, and a route of the web with `service.supervisor.ask`. Ids,
answers, callers that are gone, the end of the daemon and the audit log are taken care of.
"""

from typing import ClassVar, Literal

import msgspec

from edge_daemon.messages.codec import Message
from edge_daemon.tokens import Role

Via = Literal["web", "control-socket", "signal", "mqtt"]


class Requester(msgspec.Struct, frozen=True, kw_only=True):
    """The sender of a request: name of a token or Unix user and its role (None if unknown), and the way it came."""

    name: str = ""
    role: Role | None = None
    via: Via
    address: str = ""


class Request(Message, frozen=True, kw_only=True):
    """A request to the supervisor. `ACTION` is its name in the audit log; without one it is not listed there."""

    ACTION: ClassVar[str] = ""
    by: Requester


class Reload(Request, frozen=True, kw_only=True, tag="reload.1"):
    """Read the configuration again."""

    ACTION: ClassVar[str] = "reload"


class Retry(Request, frozen=True, kw_only=True, tag="retry.1"):
    """Open a camera that is down now, instead of at its next try."""

    ACTION: ClassVar[str] = "retry"
    camera: str


AuditResult = Literal["done", "failed", "refused"]


class AuditNote(Request, frozen=True, kw_only=True, tag="audit-note.1"):
    """Add an entry to the audit log about something that happened in the process that asks."""

    action: str
    result: AuditResult
    text: str = ""


class SwitchRule(Request, frozen=True, kw_only=True, tag="switch-rule.1"):
    """Switch a rule on or off; `until` is when it is switched back (ISO 8601 with a time zone; None: never)."""

    ACTION: ClassVar[str] = "rule"
    rule: str
    enabled: bool
    until: str | None = None


class SetMode(Request, frozen=True, kw_only=True, tag="set-mode.1"):
    """Set the mode."""

    ACTION: ClassVar[str] = "mode"
    mode: str


class SwitchCamera(Request, frozen=True, kw_only=True, tag="switch-camera.1"):
    """Switch a camera on or off."""

    ACTION: ClassVar[str] = "camera"
    camera: str
    enabled: bool


class MarkEvent(Request, frozen=True, kw_only=True, tag="mark-event.1"):
    """Mark an event as one to be kept, or as wrong, or not any more; None leaves what it has."""

    ACTION: ClassVar[str] = "mark"
    event: str
    keep: bool | None = None
    wrong: bool | None = None


class KeepRange(Request, frozen=True, kw_only=True, tag="keep-range.1"):
    """Keep what a camera has in a range of time (ISO 8601 with a time zone), or (`keep` false) not any more."""

    ACTION: ClassVar[str] = "keep"
    camera: str
    since: str
    until: str
    keep: bool = True


class EraseEvent(Request, frozen=True, kw_only=True, tag="erase-event.1"):
    """Erase an event with all that belongs to it."""

    ACTION: ClassVar[str] = "erase"
    event: str


class EraseRange(Request, frozen=True, kw_only=True, tag="erase-range.1"):
    """Erase what a camera has in a range of time."""

    ACTION: ClassVar[str] = "erase"
    camera: str
    since: str
    until: str


StoreRequest = MarkEvent | KeepRange | EraseEvent | EraseRange
"""What the recorder does."""


DeliveryAction = Literal["pause", "resume", "replay", "dead"]
"""Deliver nothing, go on, deliver again what was stored since a time, or deliver dead letters again."""


class SteerDelivery(Request, frozen=True, kw_only=True, tag="deliver.1"):
    """Steer the delivery to a receiver; `since` is a time (ISO 8601 with a time zone) from which to replay."""

    ACTION: ClassVar[str] = "deliver"
    receiver: str
    action: DeliveryAction
    since: str | None = None


AnyRequest = StoreRequest | SteerDelivery | Reload | Retry | AuditNote | SwitchRule | SetMode | SwitchCamera


class ConfigProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One error of a configuration, and where it is."""

    text: str
    key: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a request: an exit code, a sentence, and the errors of the configuration, if those are the reason.

    It is not `final` where the process that asked has to end before the result is known.
    """

    exit_code: int = 0
    text: str = ""
    problems: list[ConfigProblem] = []
    final: bool = True
