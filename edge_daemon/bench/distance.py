"""What a server and the way to it cost: measurements, and what follows from them."""

import msgspec

from edge_daemon.settings import ModelSettings


class Asked(msgspec.Struct, frozen=True):
    """Measure the first server of a model, `seconds` for each number of requests in flight."""

    settings: ModelSettings
    seconds: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of a small request there and back, of a single inference, and of CPU here for each frame; bytes of a
    request; and inferences a second by number in flight.
    """

    server: str
    round_trip_ms: float
    single_ms: float
    here_ms: float
    sent_bytes: int
    rates: dict[int, float]

    @property
    def best(self) -> int:
        """Number of requests in flight that is enough for nearly the highest rate."""
        enough = 0.97 * max(self.rates.values())
        return min(number for number, rate in self.rates.items() if rate >= enough)

    @property
    def away_ms(self) -> float:
        """Milliseconds of a single inference in which the server does not compute: the network's and the protocol's."""
        return max(0.0, self.single_ms - 1e3 / max(self.rates.values()))
