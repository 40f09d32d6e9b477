"""Another configuration for a running table: what did not change goes on, undisturbed."""

import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from threading import Thread

import msgspec

from edge_daemon.errors import EdgeError, ModelError, StartError
from edge_daemon.supervisor.child import ProcessSpec
from edge_daemon.supervisor.diff import changed_parents, diff, in_words, untried_models
from edge_daemon.supervisor.process_table import ProcessTable

logger = logging.getLogger(__name__)
Load = Callable[[], list[ProcessSpec]]
Steps = Generator[None, None, None]
"""Yields while there is something to wait for."""


def reload(table: ProcessTable, load: Load) -> Generator[None, None, str]:
    """Make `table` the one that `load` plans; yields while there is something to wait for, returns what has changed.

    Models that are new are loaded once on trial, and the sink is asked, before anything changes. Then those who no
    longer fit leave, captures first so that what they sent is served, and the new ones come.

    Raises:
        EdgeError: nothing has changed, and what it says is why.
    """
    plan = yield from _loaded(load)
    now = [child.spec for child in table.children]
    if models := changed_parents(now, plan):
        raise StartError(f"another `after` of model {models[0]} needs a restart")
    steps = diff(now, plan)
    for spec in untried_models(now, plan):
        yield from _try(table, spec)
    yield from _tell(table, "sink", plan, [])
    leaving = [spec.key for spec in [*steps.gone, *steps.changed]]
    yield from _retire(table, "web", leaving)
    yield from _retire(table, "capture", leaving)
    yield from _tell(table, "dispatcher", plan, [spec.name for spec in steps.changed if spec.role == "capture"])
    if table.of("web"):
        yield from _tell(table, "web", plan, [])
    yield from _retire(table, "worker", leaving)
    for child in table.children:
        child.spec = next(spec for spec in plan if spec.key == child.spec.key)
    new = [table.add(spec) for spec in [*steps.changed, *steps.added] if spec.role in ("capture", "worker", "web")]
    while not all(child.settled for child in new):
        yield
    return in_words(now, plan)


def _loaded(load: Load) -> Generator[None, None, list[ProcessSpec]]:
    """What `load` returns, which may take as long as a download."""
    plans: list[list[ProcessSpec]] = []
    errors: list[EdgeError] = []

    def run() -> None:
        try:
            plans.append(load())
        except EdgeError as error:
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        yield
    if errors:
        raise errors[0]
    if not plans:
        raise StartError("the configuration could not be read, for a reason that nobody foresaw; see the log")
    return plans[0]


def _try(table: ProcessTable, spec: ProcessSpec) -> Steps:
    """Load a model in a process of its own, once.

    Raises:
        ModelError: it cannot be loaded.
    """
    settings = msgspec.structs.replace(spec.settings, trial=True)
    child = table.add(replace(spec, name=f"{spec.name} (trial)", settings=settings), once=True)
    while child in table.children:
        yield
    if not child.finished:
        raise ModelError(child.why if child.failure else f"{child.title}: {child.why}")


def _tell(table: ProcessTable, role: str, plan: Iterable[ProcessSpec], restarted: list[str]) -> Steps:
    """Have the one process of a role go on with its new settings; one that died meanwhile starts with them. One that
    need not be there, and cannot start, is not waited for.

    Raises:
        StartError: it says why it cannot, and goes on as before.
    """
    (child,) = table.of(role)
    old, pid = child.spec, child.pid
    ended = child.restarts + child.running  # so many times it ended, or will, with the old settings
    child.spec = next(spec for spec in plan if spec.role == role)
    if old.settings == child.spec.settings and not restarted:
        return
    while child.pid == pid and not child.reconfigure(restarted):
        yield
    while (answer := child.answer) is None and not (child.pid != pid and child.ready):
        if child.failure and child.restarts > ended:
            if not child.spec.awaited:
                return
            child.spec = old
            raise StartError(child.failure.sentence)
        yield
    if answer and answer.refusal:
        child.spec = old
        raise StartError(answer.refusal)
    if answer is None and restarted:  # the next one has the new settings, but knows of no captures that are replaced
        yield from _tell(table, role, plan, restarted)


def _retire(table: ProcessTable, role: str, leaving: list[tuple[str, str]]) -> Steps:
    """Let go of those of a role that are `leaving`."""
    leavers = [child for child in table.of(role) if child.spec.key in leaving]
    for child in leavers:
        table.retire(child)
    while any(child in table.children for child in leavers):
        yield
