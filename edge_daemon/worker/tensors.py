"""Uploaded tensors: another program has prepared a picture for the model, and reads the outputs itself."""

import numpy as np
from numpy.typing import NDArray

from edge_daemon.errors import ModelError
from edge_daemon.messages.frames import TensorPart, Upload
from edge_daemon.models.model import Model
from edge_daemon.models.session import NUMBERS
from edge_daemon.models.tensors import array_of, bytes_of, datatype_of


def run(model: Model, upload: Upload, payload: memoryview) -> tuple[list[TensorPart], bytes]:
    """The outputs of a model for the tensors of an upload, which lie in the `payload` one after the other: their
    descriptions, and their bytes.

    Raises:
        ModelError: the model has no such tensors, or fails on them.
    """
    engine, feeds, at = model.session.engine, dict[str, NDArray[np.generic]](), 0
    for part in upload.tensors or ():
        feeds[part.name] = array_of(part.datatype, part.shape, payload[at : at + part.length])
        at += part.length
    known = [one.name for one in engine.outputs if one.type in NUMBERS]
    wanted = upload.outputs or known
    if unknown := [name for name in wanted if name not in known]:
        raise ModelError(f"there is no output {unknown[0][:100]!r}; there are {', '.join(known)}")
    try:
        made = engine.run(wanted, feeds)
    except ValueError as error:  # ONNX Runtime knows no such input
        raise ModelError(str(error)) from error
    parts = [
        TensorPart(name=name, datatype=datatype_of(array), shape=list(array.shape), length=array.nbytes)
        for name, array in zip(wanted, made, strict=True)
    ]
    return parts, b"".join(bytes_of(array) for array in made)
