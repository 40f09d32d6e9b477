"""The kinds of processes: one module for each, with everything that the supervisor knows of it."""

from typing import Any

from edge_daemon.supervisor.kinds.bridge import Bridge
from edge_daemon.supervisor.kinds.capture import Capture
from edge_daemon.supervisor.kinds.dispatcher import Dispatcher
from edge_daemon.supervisor.kinds.kind import Kind
from edge_daemon.supervisor.kinds.recorder import Recorder
from edge_daemon.supervisor.kinds.sink import Sink
from edge_daemon.supervisor.kinds.web import Web
from edge_daemon.supervisor.kinds.worker import Worker

KINDS: tuple[Kind[Any], ...] = (Bridge(), Recorder(), Sink(), Dispatcher(), Worker(), Capture(), Web())
"""In the order in which they start and are listed. They stop in the reverse order: those that produce before those that
consume, so that nothing under way is lost.
"""
