"""Applies another configuration to a running table; processes that it does not change go on undisturbed."""

import contextlib
import time
from collections.abc import Callable, Generator
from threading import Thread

from edge_daemon.errors import EdgeError, ModelError, StartError
from edge_daemon.supervisor.child import Child
from edge_daemon.supervisor.diff import Key, diff, in_words, needs_restart, trials
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.process_table import ProcessTable

LOAD_S = 1800.0
"""How long it may take to read a configuration, whose models may have to be downloaded."""
TRIALS = 2
Load = Callable[[], list[ProcessSpec]]
Steps = Generator[None, None, None]
"""Yields while there is something to wait for."""


def reload(table: ProcessTable, load: Load) -> Generator[None, None, str]:
    """Make `table` the one that `load` plans; yields while there is something to wait for, returns what has changed.

    New settings that can be tried (models) are, and processes that may refuse theirs receive them, before anything
    changes. Then processes that no longer fit leave, those that send frames first, so that their last ones are served,
    and the new ones start.

    Raises:
        EdgeError: nothing has changed, for the reason that it gives.
    """
    plan = yield from _loaded(load)
    now = [child.spec for child in table.children]
    if refusal := needs_restart(now, plan):
        raise StartError(refusal)
    steps, specs = diff(now, plan), {spec.key: spec for spec in plan}
    staying = [child for child in table.children if child.spec.key not in steps.leaving]
    leaving = [child for child in table.children if child.spec.key in steps.leaving]
    for spec in trials(now, plan):
        yield from _try(table, spec)
    yield from _reconfigure_all(table, specs, [child for child in staying if child.spec.kind.reconfigured == "first"])
    yield from _retire(table, [child for child in leaving if child.spec.kind.leaves_early])
    restarted = [spec.camera for spec in steps.changed if spec.camera is not None]
    for child in [child for child in staying if child.spec.kind.reconfigured == "later"]:
        yield from _reconfigure(table, child, specs[child.spec.key], restarted)
    yield from _retire(table, [child for child in leaving if not child.spec.kind.leaves_early])
    for child in staying:
        child.spec = specs[child.spec.key]
    new = [table.add(spec) for spec in [*steps.changed, *steps.added]]
    while not all(child.settled for child in new):
        yield
    return in_words(now, plan)


def _loaded(load: Load) -> Generator[None, None, list[ProcessSpec]]:
    """Call `load`, which may take as long as a download, in a thread, and return the plan."""
    plans: list[list[ProcessSpec]] = []
    errors: list[EdgeError] = []

    def run() -> None:
        try:
            plans.append(load())
        except EdgeError as error:
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    until = time.monotonic() + LOAD_S
    while thread.is_alive():
        if time.monotonic() > until:
            raise StartError(f"the configuration could not be read within {LOAD_S:.0f} s")
        yield
    if errors:
        raise errors[0]
    if not plans:
        raise StartError("the configuration could not be read because of an unexpected error; see the log")
    return plans[0]


def _try(table: ProcessTable, spec: ProcessSpec) -> Steps:
    """Run a process once that tries its settings; once more if it was killed, which need not be their fault.

    Raises:
        ModelError: they do not work.
    """
    for _ in range(TRIALS):
        child = table.add(spec, once=True)
        while not child.removed:
            yield
        if child.finished:
            return
        if child.failure:
            raise ModelError(child.why)
    raise ModelError(f"{child.title}: {child.why}")


def _reconfigure_all(table: ProcessTable, specs: dict[Key, ProcessSpec], children: list[Child]) -> Steps:
    """Have all these processes use their new settings, or, if one refuses, none of them.

    Raises:
        StartError: the reason for which one refuses; all use their old settings.
    """
    done: list[tuple[Child, ProcessSpec]] = []
    try:
        for child in children:
            old = child.spec
            yield from _reconfigure(table, child, specs[old.key])
            done.append((child, old))
    except StartError:
        for child, old in done:
            with contextlib.suppress(StartError):
                yield from _reconfigure(table, child, old)
            child.spec = old
        raise


def _reconfigure(table: ProcessTable, child: Child, spec: ProcessSpec, restarted: list[str] | None = None) -> Steps:
    """Have a process use the settings of `spec`; one that died meanwhile starts with them.

    One that has finished is not asked, and one that cannot start is not waited for if it captures a camera or need not
    be there. A kind that `receives_exits` learns which captures are `restarted`.

    Raises:
        StartError: the reason for which it cannot; it uses its old settings.
    """
    restarted = restarted if restarted and spec.kind.receives_exits else []
    old, starts = child.spec, child.starts
    ended = child.restarts + child.running  # how many times it ends with the old settings, at most
    child.spec = spec
    if child.finished or (old.settings == spec.settings and not restarted):
        return
    while child.starts == starts and not child.reconfigure(restarted):
        yield
    while (answer := child.answer) is None and not (child.starts != starts and child.ready):
        if child.failure and child.restarts > ended:
            if not spec.awaited or spec.camera:
                return
            child.spec = old
            raise StartError(child.failure.sentence)
        yield
    if answer and answer.refusal:
        child.spec = old
        raise StartError(answer.refusal)
    if answer is None and restarted:  # it started with the new settings, but does not know which captures are replaced
        yield from _reconfigure(table, child, spec, restarted)


def _retire(table: ProcessTable, children: list[Child]) -> Steps:
    """End these processes for good."""
    for child in children:
        table.retire(child)
    while not all(child.removed for child in children):
        yield
