"""Durations as people write them: a number with its unit."""

import re

PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m)$"
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0}


def seconds(value: object) -> float:
    """`500ms`, `2s` or `1.5m` in seconds.

    Raises:
        ValueError: it is none, has no unit, or is 0.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("needs a unit; write 500ms, 2s or 1m")
    if not isinstance(value, str) or not re.fullmatch(PATTERN, value):
        raise ValueError("must be a duration, such as 500ms, 2s or 1m")
    number, unit = re.split(r"(?<=[0-9])(?=[a-z])", value)
    if not float(number):
        raise ValueError("must be longer than 0")
    return float(number) * _UNITS_S[unit]
