"""Measures a model on a server, in a process of its own: alone, with several requests in flight, and what the network
costs.
"""

import statistics
import threading
import time
from collections.abc import Callable

import cv2

from edge_daemon.bench.distance import Asked, Figures
from edge_daemon.errors import ModelError
from edge_daemon.models.probe import texture
from edge_daemon.models.remote.reading import look
from edge_daemon.server_address import Address

AT_ONCE = (1, 2, 4, 8)
ROUND_TRIPS = 10
PATIENCE_S = 30.0
HEIGHT, WIDTH = 720, 1280


def run(asked: Asked) -> Figures:
    """Measure.

    Raises:
        ModelError: the server does not answer, or its model cannot be used.
    """
    cv2.setNumThreads(1)
    assert asked.settings.remote
    address = Address.parse(asked.settings.remote.urls[0])
    looked = look(address, asked.settings)
    connection, identity, model = looked.connection, looked.identity, looked.model
    assert model  # nothing was known before
    try:
        trips = [_took(lambda: connection.metadata(PATIENCE_S)) / 2 for _ in range(ROUND_TRIPS)]  # it asks twice

        def infer() -> object:
            return connection.infer(identity.feeds, model.session.names, PATIENCE_S)

        single = [_took(infer) for _ in range(ROUND_TRIPS)]
        picture = texture(HEIGHT, WIDTH)
        arrays = [identity.answer[list(identity.outputs).index(name)] for name in model.session.names]
        began = time.process_time()
        for _ in range(ROUND_TRIPS):
            model.finish(model.begin([picture], [(HEIGHT, WIDTH)]), arrays)
        here_s = (time.process_time() - began) / ROUND_TRIPS
        rates = {number: _rate(infer, number, asked.seconds) for number in AT_ONCE}
    finally:
        connection.close()
    return Figures(
        server=str(address),
        round_trip_ms=1e3 * statistics.median(trips),
        single_ms=1e3 * statistics.median(single),
        here_ms=1e3 * here_s,
        sent_bytes=sum(array.nbytes for array in identity.feeds.values()),
        rates=rates,
    )


def _took(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _rate(infer: Callable[[], object], at_once: int, seconds: float) -> float:
    """Inferences a second with this number in flight.

    Raises:
        ModelError: one failed.
    """
    counts, until, errors = [0] * at_once, time.monotonic() + seconds, list[ModelError]()

    def ask(number: int) -> None:
        try:
            while time.monotonic() < until:
                infer()
                counts[number] += 1
        except ModelError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(at_once)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(counts) / (time.monotonic() - began)
