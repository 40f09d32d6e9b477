"""The outputs of a run over several pictures, for one of them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


class OfBatch(dict[str, NDArray[np.generic]]):
    """The outputs for one picture of a batch: number `picture` of `pictures`, with those for the `whole` batch."""

    picture: int = 0
    pictures: int = 1
    whole: Mapping[str, NDArray[np.generic]]
