"""How many examples property tests try."""

from hypothesis import settings


def one_in(divisor: int) -> settings:
    """One in `divisor` of the profile's examples, for a test whose examples are expensive."""
    return settings(max_examples=max(settings().max_examples // divisor, 1))
