"""The sentence of a reload: every key that has changed, and everything that was started again for it."""

from collections.abc import Iterator, Mapping

from edge_daemon.supervisor.description import Description, Entries, Entry

LONG = 60
"""Length beyond which a value is not shown."""


def changes(before: Description, after: Description, restarted: Mapping[str, str]) -> str:
    """For people: `camera yard added; camera walk: fps 5 → 10; model m: confidence 0.4 → 0.5 (new workers)`.

    `restarted` has, by section, what a changed section cost.
    """
    lines = (_section(name, before.get(name), after.get(name), restarted.get(name)) for name in {**before, **after})
    return "; ".join(filter(None, lines)) or "nothing has changed"


def _section(name: str, before: Entries | None, after: Entries | None, note: str | None) -> str:
    if before is None or after is None:
        return f"{name} {'added' if before is None else 'removed'}"
    words = ", ".join(_changed(before, after))
    if not words:
        return f"{name} {note}" if note else ""
    return f"{name}: {words}" + (f" ({note})" if note else "")


def _changed(before: Entries, after: Entries, prefix: str = "") -> Iterator[str]:
    for key in {**before, **after}:
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        name = f"{prefix}{key}"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changed(old, new, f"{name}.")
        elif new is None:
            yield f"{name} removed"
        elif isinstance(new, Mapping):
            yield f"{name} added"
        else:
            yield _value(name, old if isinstance(old, Entry) else None, new)


def _value(name: str, old: Entry | None, new: Entry) -> str:
    if old is None:
        return f"{name} added" if (text := _shown(new)) is None else f"{name} set to {text}"
    if old.text is not None and old.text == new.text:
        return new.alike or f"{name} changed"
    was, now = _shown(old), _shown(new)
    return f"{name} changed" if was is None or now is None else f"{name} {was} → {now}"


def _shown(entry: Entry) -> str | None:
    return None if entry.text is None or len(entry.text) > LONG else entry.text
