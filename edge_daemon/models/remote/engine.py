"""A model on a server as the engine of a session."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.remote.connection import Connection
from edge_daemon.models.tensors import Answer, Arrays, Metadata


class RemoteEngine:
    """Runs a model at the other end of a connection to `place`; each run may take `timeout_s`. The `metadata` is that
    of the model's file, if it is known.
    """

    def __init__(
        self,
        connection: Connection,
        about: Metadata,
        place: str,
        timeout_s: float,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self._connection, self._timeout_s = connection, timeout_s
        self.inputs, self.outputs, self.provider = about.inputs, about.outputs, place
        self.metadata = metadata or {}

    def run(self, outputs: Sequence[str], feeds: Arrays) -> list[NDArray[np.generic]]:
        """See `Engine.run`.

        Raises:
            AwayError: the server does not answer.
            ModelError: the model failed.
        """
        return named(self._connection.infer(feeds, outputs, self._timeout_s), outputs)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def named(answer: Answer, outputs: Sequence[str]) -> list[NDArray[np.generic]]:
    """These outputs of an answer (any shape and type).

    Raises:
        ModelError: one is not there.
    """
    if missing := [name for name in outputs if name not in answer.outputs]:
        raise ModelError(f"its answer has no output {missing[0]}, only {', '.join(answer.outputs) or 'none'}")
    return [answer.outputs[name] for name in outputs]
