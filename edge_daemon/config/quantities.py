"""Durations and amounts of memory: a number with a unit."""

import re

SECONDS = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m)$"
LONG = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|min|h|d)$"
BYTES = r"^[0-9]{1,9}(\.[0-9]{1,9})?(MB|GB)$"
METRES = r"^[0-9]{1,5}(\.[0-9]{1,3})?m$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "MB": 1e6, "GB": 1e9}


def seconds(value: object) -> float:
    """`500ms`, `2s` or `1.5m` in seconds.

    Raises:
        ValueError: not a duration, lacks a unit, or is zero.
    """
    return _duration(value, SECONDS, "500ms, 2s or 1m")


def long_seconds(value: object) -> float:
    """`500ms`, `30s`, `5min`, `2h` or `1d` in seconds.

    Raises:
        ValueError: not a duration, lacks a unit, or is zero.
    """
    return _duration(value, LONG, "30s, 5min or 2h")


def long_seconds_or_none(value: object) -> float:
    """The same, or `0s`.

    Raises:
        ValueError: not a duration, or lacks a unit.
    """
    return _amount(value, LONG, "a duration, such as 30s, 5min or 2h")


def metres(value: object) -> float:
    """`4m` or `12.5m` in metres.

    Raises:
        ValueError: not a length, lacks the unit, or is zero.
    """
    if isinstance(value, str) and re.fullmatch(METRES, value) and float(value[:-1]):
        return float(value[:-1])
    raise ValueError("must be lengths in metres, such as 4m or 12.5m")


def count_bytes(value: object) -> int:
    """`500MB` or `1.5GB` in bytes; 1 MB is 1,000,000 bytes.

    Raises:
        ValueError: not an amount of memory, lacks a unit, or is zero.
    """
    amount = _amount(value, BYTES, "an amount of memory, such as 500MB or 2GB")
    if not amount:
        raise ValueError("must be more than 0")
    return round(amount)


def _duration(value: object, pattern: str, examples: str) -> float:
    amount = _amount(value, pattern, f"a duration, such as {examples}")
    if not amount:
        raise ValueError("must be longer than 0")
    return amount


def _amount(value: object, pattern: str, what: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"needs a unit; write {what.partition('such as ')[2]}")
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ValueError(f"must be {what}")
    number, unit = re.split(r"(?<=[0-9])(?=[a-zA-Z])", value)
    return float(number) * _UNITS[unit]
