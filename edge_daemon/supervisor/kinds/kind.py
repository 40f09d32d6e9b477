"""A kind of process, and a process of it that a configuration calls for."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from edge_daemon.messages import status
from edge_daemon.messages.status import ProcessReport
from edge_daemon.runtime.control import HANG_S
from edge_daemon.supervisor.description import Description, Entry
from edge_daemon.supervisor.kinds.run import Run

S = TypeVar("S", bound=msgspec.Struct)


class Kind(Generic[S]):
    """Everything that the supervisor knows of one kind of process, whose settings are an `S`.

    A kind has a role and a `plan`; the rest has defaults, which are those of processes that nothing else needs in order
    to start, and that a reload replaces when their settings change.
    """

    role: ClassVar[str]
    """Names the kind in titles, logs, `status/` and metrics."""
    report: ClassVar[type[ProcessReport]] = ProcessReport
    """Type of the report in its heartbeats."""
    shows_report: ClassVar[bool] = False
    """True if its report is its `detail` in `status/`."""
    preloaded: ClassVar[bool] = True
    """True if the fork server imports its module, so that its processes start at once and share that memory."""
    grace_s: ClassVar[float] = 5.0
    """Time that a process may take to stop before it is killed."""
    ends_run: ClassVar[bool] = False
    """True if the run is over when all processes of such kinds have finished."""
    stores: ClassVar[bool] = False
    """True if it writes what the others have made: one that is down, or dies, is started once more before a stop."""
    asks: ClassVar[bool] = False
    """True if its processes may ask the supervisor for something, such as a reload."""
    receives_exits: ClassVar[bool] = False
    """True if it learns which processes have ended, and which captures a reload replaces."""
    receives_processes: ClassVar[bool] = False
    """True if it receives the process table, once a second."""
    reconfigured: ClassVar[Literal["first", "later", "never"]] = "never"
    """When a reload sends it new settings: before it changes anything else, so that they can be refused; when the
    processes that `leave_early` are gone; or never, since it is replaced.
    """
    restarted: ClassVar[str] = "restarted"
    """What a reload did that replaced a process, in its sentence."""
    leaves_early: ClassVar[bool] = False
    """True if it sends frames: when a reload ends it, this is before those that are reconfigured `later`."""

    @property
    def module(self) -> str:
        """Name of the module that has its `serve`."""
        return f"edge_daemon.{self.role}.process"

    def plan(self, run: Run) -> Iterator["ProcessSpec"]:
        """The processes of this kind that a run needs, in the order of their start.

        Raises:
            StartError: something that the configuration names, such as a key, cannot be read.
        """
        raise NotImplementedError

    def restart_key(self, settings: S) -> object:
        """The part of the settings that a running process cannot change: with another one it is replaced."""
        return settings

    def needs_restart(self, old: S, new: S) -> str:
        """Sentence on a change that only a restart of the daemon can make; empty if there is none."""
        return ""

    def trial(self, settings: S) -> S | None:
        """Settings of a process that shows whether these work, and then finishes; equal for those with one answer."""
        return None

    def decode_report(self, report: msgspec.Raw) -> ProcessReport:
        """Decode the report of a heartbeat."""
        return self._decoder.decode(report)

    @cached_property
    def _decoder(self) -> "msgspec.msgpack.Decoder[ProcessReport]":
        return msgspec.msgpack.Decoder(self.report)

    def detail(self, report: ProcessReport) -> dict[str, Any]:
        """The part of the report that `status/` shows as the process's `detail`."""
        return msgspec.to_builtins(report) if self.shows_report else {}


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """A process that a configuration calls for.

    A run starts only when the processes that are `awaited` are up. One that sends no heartbeat for `hang_s` is killed
    and restarted; one that uses more than `max_bytes` of memory is replaced when it has finished its current work.
    Processes of a higher `rank` start later and stop earlier. A process with a `camera` captures that. `about` is the
    part of the configuration that it comes from.
    """

    kind: Kind[Any]
    name: str
    settings: msgspec.Struct
    awaited: bool = True
    hang_s: float = HANG_S
    max_bytes: int | None = None
    camera: str | None = None
    rank: int = 0
    about: Description | None = None

    @property
    def role(self) -> str:
        """Role of its kind."""
        return self.kind.role

    @property
    def key(self) -> tuple[str, str]:
        """Identifies it among all processes."""
        return self.kind.role, self.name

    @property
    def title(self) -> str:
        """Title such as `capture door`, or just `sink` for a role with one process."""
        return status.title(self.kind.role, self.name)

    @property
    def described(self) -> Description:
        """The sections of the configuration that it comes from; or only its title, with settings that are not shown."""
        return {self.title: {"settings": Entry(self.settings)}} if self.about is None else self.about

    @property
    def restart_key(self) -> object:
        """The part of it that a running process cannot change; `max_bytes` concerns the supervisor alone."""
        return self.kind.restart_key(self.settings), self.hang_s if self.kind.reconfigured == "never" else None
