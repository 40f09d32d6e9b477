"""`rules on`, `rules off`, `camera`, `mode` and `retry`: small requests to a running daemon."""

from datetime import datetime, timedelta
from pathlib import Path

from edge_daemon.cli.reload import ask
from edge_daemon.errors import ConfigError
from edge_daemon.messages.requests import Requester, Retry, SetMode, SwitchCamera, SwitchRule

_BY = Requester(via="control-socket")


def switch_rule(rule: str, enabled: bool, until: str | None, config: Path | None, place: Path | None) -> str:
    """Switch a rule on or off; return what the daemon says.

    Raises:
        EdgeError: there is no such rule, or no daemon.
    """
    end = moment(until, datetime.now().astimezone()) if until else None
    return ask(config, place, SwitchRule(by=_BY, rule=rule, enabled=enabled, until=end))


def switch_camera(camera: str, enabled: bool, config: Path | None, place: Path | None) -> str:
    """Switch a camera on or off; return what the daemon says.

    Raises:
        EdgeError: there is no such camera, or no daemon.
    """
    return ask(config, place, SwitchCamera(by=_BY, camera=camera, enabled=enabled))


def set_mode(mode: str, config: Path | None, place: Path | None) -> str:
    """Set the mode; return what the daemon says.

    Raises:
        EdgeError: there is no such mode, or no daemon.
    """
    return ask(config, place, SetMode(by=_BY, mode=mode))


def retry(camera: str, config: Path | None, place: Path | None) -> str:
    """Let a camera that is down be opened now; return what the daemon says.

    Raises:
        EdgeError: there is no such camera, or no daemon.
    """
    return ask(config, place, Retry(by=_BY, camera=camera))


def moment(text: str, now: datetime) -> str:
    """The next moment at which a local clock shows a time such as `18:00`; or a date and time, which are local unless
    they have a zone.

    Raises:
        ConfigError: it is neither.
    """
    try:
        if len(text) <= len("18:00"):
            clock = datetime.strptime(text, "%H:%M").time()
            today = datetime.combine(now.date(), clock)
            return next(
                moment.isoformat()
                for moment in (day.astimezone(now.tzinfo) for day in (today, today + timedelta(days=1)))
                if moment > now
            )
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"--until {text}: write a time such as 18:00, or 2026-11-28T18:00") from error
    return (found if found.tzinfo else found.astimezone()).isoformat()
