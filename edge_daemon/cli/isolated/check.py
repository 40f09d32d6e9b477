"""Loads a model for `edge-daemon check`, as a worker does."""

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
    model = Model(request)
    return Loaded(names=list(model.names), boxes=model.decoder.name not in {kind.name for kind in WHOLE})
