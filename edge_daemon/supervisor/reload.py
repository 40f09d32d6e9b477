"""Another configuration for a running fleet: what did not change goes on, undisturbed."""

import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from threading import Thread

import msgspec

from edge_daemon.errors import EdgeError, ModelError, StartError
from edge_daemon.supervisor.child import ProcessSpec
from edge_daemon.supervisor.difference import difference, in_words, rearranged, untried_models
from edge_daemon.supervisor.fleet import Fleet

logger = logging.getLogger(__name__)
Load = Callable[[], list[ProcessSpec]]
Steps = Generator[None, None, None]
"""Yields while there is something to wait for."""


def reload(fleet: Fleet, load: Load) -> Generator[None, None, str]:
    """Make `fleet` the one that `load` plans; yields while there is something to wait for, returns what has changed.

    Models that are new are loaded once on trial, and the sink is asked, before anything changes. Then those who no
    longer fit leave, captures first so that what they sent is served, and the new ones come.

    Raises:
        EdgeError: nothing has changed, and what it says is why.
    """
    plan = yield from _loaded(load)
    now = [child.spec for child in fleet.children]
    if models := rearranged(now, plan):
        raise StartError(f"another `after` of model {models[0]} needs a restart")
    steps = difference(now, plan)
    for spec in untried_models(now, plan):
        yield from _try(fleet, spec)
    yield from _tell(fleet, "sink", plan, [])
    leaving = [spec.key for spec in [*steps.gone, *steps.changed]]
    yield from _retire(fleet, "web", leaving)
    yield from _retire(fleet, "capture", leaving)
    yield from _tell(fleet, "dispatcher", plan, [spec.name for spec in steps.changed if spec.role == "capture"])
    if fleet.of("web"):
        yield from _tell(fleet, "web", plan, [])
    yield from _retire(fleet, "worker", leaving)
    for child in fleet.children:
        child.spec = next(spec for spec in plan if spec.key == child.spec.key)
    new = [fleet.add(spec) for spec in [*steps.changed, *steps.added] if spec.role in ("capture", "worker", "web")]
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


def _try(fleet: Fleet, spec: ProcessSpec) -> Steps:
    """Load a model in a process of its own, once.

    Raises:
        ModelError: it cannot be loaded.
    """
    settings = msgspec.structs.replace(spec.settings, trial=True)
    child = fleet.add(replace(spec, name=f"{spec.name} (trial)", settings=settings), once=True)
    while child in fleet.children:
        yield
    if not child.finished:
        raise ModelError(child.why if child.failure else f"{child.title}: {child.why}")


def _tell(fleet: Fleet, role: str, plan: Iterable[ProcessSpec], anew: list[str]) -> Steps:
    """Have the one process of a role go on with its new settings; one that died meanwhile starts with them. One that
    need not be there, and cannot start, is not waited for.

    Raises:
        StartError: it says why it cannot, and goes on as before.
    """
    (child,) = fleet.of(role)
    old, pid = child.spec, child.pid
    ended = child.restarts + child.running  # so many times it ended, or will, with the old settings
    child.spec = next(spec for spec in plan if spec.role == role)
    if old.settings == child.spec.settings and not anew:
        return
    while child.pid == pid and not child.change(anew):
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
    if answer is None and anew:  # the next one has the new settings, but knows of no captures that are replaced
        yield from _tell(fleet, role, plan, anew)


def _retire(fleet: Fleet, role: str, leaving: list[tuple[str, str]]) -> Steps:
    """Let go of those of a role that are `leaving`."""
    leavers = [child for child in fleet.of(role) if child.spec.key in leaving]
    for child in leavers:
        fleet.retire(child)
    while any(child in fleet.children for child in leavers):
        yield
