"""Loads a model for `edge-daemon check`, as a worker does."""

import msgspec

from edge_daemon.cli.model_checks import Loaded
from edge_daemon.models.decoders import WHOLE
from edge_daemon.models.memory import limit_memory
from edge_daemon.models.model import Model
from edge_daemon.settings import ModelSettings


def run(request: ModelSettings) -> Loaded:
    """Load the model.

    Raises:
        ModelError: it cannot be used.
    """
    limit_memory(provider.name for provider in request.providers)
    if request.remote is None:
        return _loaded(Model(request))
    from edge_daemon.models.remote.connection import AwayError
    from edge_daemon.models.remote.opening import ask_servers

    try:
        model, away = ask_servers(request)
        return msgspec.structs.replace(_loaded(model), away=away)
    except AwayError as error:
        if not request.path:
            return Loaded(names=[], boxes=True, away=str(error), is_known=False)
        here = _loaded(Model(msgspec.structs.replace(request, remote=None)))
        return msgspec.structs.replace(here, away=str(error))


def _loaded(model: Model) -> Loaded:
    return Loaded(names=list(model.names), boxes=model.decoder.name not in {kind.name for kind in WHOLE})
