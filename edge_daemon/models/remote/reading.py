"""Finds out how a model on a server is read, and whether another server, or the same one later, has the same model.

A model is the same if it declares the same tensors and gives the same answer to a test picture. So a version with other
weights is noticed; and a copy of the model on this machine shows what the protocol does not: its graph, and the files
beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.models.engine import Engine
from edge_daemon.models.graph import metadata_in
from edge_daemon.models.model import Model
from edge_daemon.models.probe import texture
from edge_daemon.models.remote.connection import Connection, connect
from edge_daemon.models.remote.engine import RemoteEngine, named
from edge_daemon.models.session import Session
from edge_daemon.models.tensors import Arrays, Metadata
from edge_daemon.server_address import Address
from edge_daemon.settings import ModelSettings

OPEN_S = 5.0
"""Longest time for each answer while it is found out how a model is read."""
ALIKE = 0.02
"""Mean difference, as a share of the mean size, up to which outputs are the same: accelerators round differently."""
Outputs = Sequence[NDArray[np.generic]]


@dataclass(frozen=True)
class Copy:
    """The same model on this machine, perhaps: an engine that runs it, and its file."""

    engine: Engine
    file: Path


@dataclass(frozen=True)
class Identity:
    """What tells a model from others: the tensors that a server declares, and its `answer` (arrays of any shape and
    type) for the test picture in `feeds`.
    """

    about: Metadata
    feeds: Arrays
    outputs: Sequence[str]
    answer: Outputs
    version: str

    def fits(self, about: Metadata) -> bool:
        """True if a server declares the same tensors."""
        return (about.inputs, about.outputs) == (self.about.inputs, self.about.outputs)

    def suits(self, name: str, array: NDArray[np.generic]) -> bool:
        """True if an output (any shape and type) can be another answer of the model: only axes that are open, and that
        of a batch, may be longer or shorter.
        """
        known = self.answer[self.outputs.index(name)]
        declared = next(one.shape for one in self.about.outputs if one.name == name)
        if (array.dtype, array.ndim) != (known.dtype, known.ndim):
            return False
        fixed = declared[1:] if len(declared) == known.ndim else ()
        return all(
            axis is None or got == had for axis, got, had in zip(fixed, array.shape[1:], known.shape[1:], strict=False)
        )

    def is_given_by(self, answer: Outputs) -> bool:
        """True if these outputs (any shape and type) are the same answer."""
        return all(map(_alike, self.answer, answer))


@dataclass(frozen=True)
class Looked:
    """A server that was looked at: a connection to it, the identity of its model, and how that is read; None if it is
    the model that was known.
    """

    connection: Connection
    identity: Identity
    model: Model | None


def look(
    address: Address,
    settings: ModelSettings,
    known: Identity | None = None,
    copy: Copy | None = None,
    state: str | None = None,
) -> Looked:
    """Look at a server, whose model may be the `known` one, or that of the `copy` on this machine. What frames settle
    is kept in the folder `state`.

    Raises:
        AwayError: it does not answer.
        ModelError: its model cannot be read; the message gives the cause and a remedy.
    """
    assert settings.remote
    connection = connect(address, settings.remote)
    try:
        about = connection.metadata(OPEN_S)
        if known and known.fits(about):
            answer = connection.infer(known.feeds, known.outputs, OPEN_S)
            if known.is_given_by(named(answer, known.outputs)):
                same = Identity(about, known.feeds, known.outputs, known.answer, answer.version)
                return Looked(connection, same, None)
        engine = RemoteEngine(connection, about, address.place, OPEN_S)
        identity = _identity(connection, engine, about, settings)
        file = _in_repository(settings.remote.repository) or (copy.file if copy and _is_of(copy, identity) else None)
        stated = {**(metadata_in(file) if file else {}), **about.properties}
        engine = RemoteEngine(connection, about, address.place, OPEN_S, stated)
        own = msgspec.structs.replace(settings, path=str(address), stamp=_stamp(about), remote=None)
        return Looked(connection, identity, Model(own, engine=engine, file=file, state=state))
    except BaseException:
        connection.close()
        raise


def test_picture(session: Session) -> Arrays:
    """The inputs of a model (any shape and type), by name, for the test picture: values from 0 to 1, or bytes."""
    inputs = session.inputs
    shown = texture(*inputs.size)[:, :, : inputs.channels]
    pixels = shown if inputs.channels_last else shown.transpose(2, 0, 1)
    session.tensor[0] = pixels if session.tensor.dtype == np.uint8 else pixels / np.float32(255)
    return {name: array.copy() for name, array in session.feeds().items()}


def _identity(connection: Connection, engine: Engine, about: Metadata, settings: ModelSettings) -> Identity:
    session = Session(engine, settings)
    feeds, outputs = test_picture(session), list(session.names)
    answer = connection.infer(feeds, outputs, OPEN_S)
    return Identity(about, feeds, outputs, [one.copy() for one in named(answer, outputs)], answer.version)


def _is_of(copy: Copy, identity: Identity) -> bool:
    """True if the copy answers the test picture as the server does."""
    try:
        return identity.is_given_by(copy.engine.run(identity.outputs, identity.feeds))
    except (ModelError, ValueError):  # ONNX Runtime knows no such input
        return False


def _in_repository(folder: str | None) -> Path | None:
    """The file of a model in a folder of a server's repository, that of its newest version; if that is no ONNX file,
    the place where it would be, beside the files that describe it.
    """
    if folder is None:
        return None
    root = Path(folder)
    versions = sorted((one for one in root.glob("*") if one.name.isdecimal()), key=lambda one: -int(one.name))
    for place in (*versions, root):
        if found := sorted(place.glob("*.onnx")):
            return found[0]
    return root / f"{root.name}.onnx"


def _stamp(about: Metadata) -> str:
    """Distinguishes versions of a model."""
    return " ".join((*about.versions, *(f"{one.name} {one.shape}" for one in (*about.inputs, *about.outputs))))


def _alike(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    a, b = one.astype(np.float64), other.astype(np.float64)
    return bool(np.abs(a - b).mean() <= ALIKE * np.abs(a).mean() + 1e-9) if a.size else True
