"""The difference between two plans of processes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from edge_daemon.supervisor.changes import changes
from edge_daemon.supervisor.description import Description
from edge_daemon.supervisor.kinds.kind import ProcessSpec

Key = tuple[str, str]


@dataclass(frozen=True)
class Diff:
    """The processes that only one of two plans has, and those, as in the new one, that have to be replaced."""

    gone: list[ProcessSpec]
    changed: list[ProcessSpec]
    added: list[ProcessSpec]

    @property
    def leaving(self) -> set[Key]:
        """Keys of the processes that have to end."""
        return {spec.key for spec in [*self.gone, *self.changed]}


def diff(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> Diff:
    """The processes to end, replace and start to get from one plan to the other."""
    before, after = _by_key(old), _by_key(new)
    return Diff(
        gone=[spec for key, spec in before.items() if key not in after],
        changed=[spec for key, spec in after.items() if key in before and spec.restart_key != before[key].restart_key],
        added=[spec for key, spec in after.items() if key not in before],
    )


def needs_restart(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> str:
    """Sentence on the first change that only a restart of the daemon can make; empty if there is none."""
    before = _by_key(old)
    sentences = (
        spec.kind.needs_restart(before[spec.key].settings, spec.settings) for spec in new if spec.key in before
    )
    return next(filter(None, sentences), "")


def trials(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> list[ProcessSpec]:
    """Processes that try those settings of the new plan that no process of the old one has."""
    known = [trial for spec in old if (trial := spec.kind.trial(spec.settings)) is not None]
    found: list[ProcessSpec] = []
    for spec in new:
        trial = spec.kind.trial(spec.settings)
        if trial is not None and trial not in known:
            known.append(trial)
            found.append(replace(spec, name=f"{spec.name} (trial)", settings=trial))
    return found


def in_words(old: Sequence[ProcessSpec], new: Sequence[ProcessSpec]) -> str:
    """All that has changed, for people, and what was started again for it."""
    restarted = {name: spec.kind.restarted for spec in diff(old, new).changed for name in spec.described}
    return changes(_described(old), _described(new), restarted)


def _described(plan: Iterable[ProcessSpec]) -> Description:
    return {name: entries for spec in plan for name, entries in spec.described.items()}


def _by_key(plan: Iterable[ProcessSpec]) -> dict[Key, ProcessSpec]:
    return {spec.key: spec for spec in plan}
