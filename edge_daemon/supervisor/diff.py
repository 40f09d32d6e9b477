"""The difference between two plans of processes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

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


def in_words(old: Iterable[ProcessSpec], new: Iterable[ProcessSpec]) -> str:
    """For people: `camera yard is new, model person has changed`."""
    before, after = _topics(old), _topics(new)
    words = [
        f"{topic} {'is new' if topic not in before else 'has changed' if topic in after else 'is gone'}"
        for topic in before | after
        if before.get(topic) != after.get(topic)
    ]
    return ", ".join(words) or "nothing has changed"


def _topics(plan: Iterable[ProcessSpec]) -> dict[str, list[object]]:
    """By what a user calls it, all that the processes know of a camera or a model."""
    topics: dict[str, list[object]] = {}
    for spec in plan:
        for topic, known in spec.kind.topics(spec, spec.settings):
            topics.setdefault(topic, []).append(known)
    return topics


def _by_key(plan: Iterable[ProcessSpec]) -> dict[Key, ProcessSpec]:
    return {spec.key: spec for spec in plan}
