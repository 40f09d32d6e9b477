"""The time zone of this machine, by name."""

import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOCAL = Path("/etc/localtime")
FALLBACK = "UTC"


def local_time_zone(environment: Mapping[str, str] = os.environ, link: Path = LOCAL) -> str:
    """The name of the time zone, such as `Europe/Berlin`: of TZ, else of /etc/localtime; `UTC` if neither has one."""
    names = [environment.get("TZ", "").lstrip(":"), str(link.resolve()).rpartition("zoneinfo/")[2]]
    for name in names:
        try:
            return ZoneInfo(name).key
        except (ValueError, ZoneInfoNotFoundError, OSError):
            continue
    return FALLBACK
