"""Links to stills and clips in messages: for phones and services, which have no token."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from edge_daemon.delivery.settings import LinkSettings
from edge_daemon.runtime import links

logger = logging.getLogger(__name__)
PATHS = {"still": "still.jpg", "clip": "clip.mp4"}
LASTS_S = links.LONGEST_S - 60
"""A little less than the longest time, since clocks differ."""


class Links:
    """Makes links that are good for seven days, or until all links are revoked; none without settings."""

    def __init__(self, settings: LinkSettings | None) -> None:
        self._settings = settings

    def __call__(self, event: str) -> Mapping[str, str]:
        """The addresses of the still and clip of an event."""
        if self._settings is None:
            return {}
        try:
            key = links.key_of(Path(self._settings.state))
        except OSError as error:
            logger.warning("no links in messages: cannot read their key: %s", error.strerror)
            return {}
        expires = int(time.time()) + LASTS_S
        site, path = self._settings.url, f"/api/events/{event}"
        return {name: site + links.link(key, f"{path}/{file}", expires) for name, file in PATHS.items()}
