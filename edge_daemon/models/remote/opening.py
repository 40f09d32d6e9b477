"""Opens a model on other machines: for a worker, which goes on without servers, or once, for a command."""

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from edge_daemon.models.engine import OnnxEngine
from edge_daemon.models.model import Model, file_of
from edge_daemon.models.remote.fleet import Fleet
from edge_daemon.models.remote.reading import Copy
from edge_daemon.settings import ModelSettings

START_S = 8.0
"""Longest time that a worker waits for the first server before it goes on without."""


@dataclass(frozen=True)
class StandIn:
    """The model that looks while no server does."""

    model: Model
    copy: Copy


def stand_in(settings: ModelSettings, state: str | None = None) -> StandIn | None:
    """The `fallback` of a model; None if it has none.

    Raises:
        ModelError: it cannot be used.
    """
    if not settings.path:
        return None
    own = msgspec.structs.replace(settings, remote=None)
    engine = OnnxEngine(file_of(settings.path), own)
    model = Model(own, engine=engine, file=file_of(settings.path), state=state)
    return StandIn(model, Copy(engine, file_of(settings.path)))


def with_deadline(fleet: "Fleet[Any]", *, must: bool, every: bool = False) -> None:
    """Try all servers, and wait until one of them is up (`every`: until each has answered), all have failed, or it
    takes too long.

    Raises:
        ModelError: a server has answered, with a model that cannot be used, none is up, and one `must` be.
    """
    until = time.monotonic() + START_S
    fleet.try_servers()
    while (every or not fleet.is_up) and not fleet.is_settled and time.monotonic() < until:
        fleet.wait(max(0.0, until - time.monotonic()))
        for _ in fleet.events():
            continue
    if must and fleet.refusal and not fleet.is_up:
        raise fleet.refusal


def open_model(settings: ModelSettings) -> Model:
    """A model on another machine as it is read, for a command.

    Raises:
        AwayError: no server answers in time.
        ModelError: it cannot be used.
    """
    return ask_servers(settings, every=False)[0]


def ask_servers(settings: ModelSettings, *, every: bool = True) -> tuple[Model, str]:
    """A model on other machines as it is read, once one of them, or `every`, was asked; and those that do not serve it,
    and why.

    Raises:
        AwayError: no server answers in time.
        ModelError: it cannot be used.
    """
    assert settings.remote
    local = stand_in(settings)
    fleet: Fleet[Any] = Fleet(settings, local.copy if local else None, log=False)
    with_deadline(fleet, must=True, every=every)
    if fleet.model is None:
        raise fleet.away()
    return fleet.model, fleet.absent
