"""What the sink gives up while the recorder is away."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.sink import outbox as outbox_module
from edge_daemon.sink.outbox import Outbox

MOST = 2


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """There is room for a few messages of one byte."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox_module, "MOST_BYTES", MOST)
        yield


@given(st.lists(st.sampled_from([True, True, True, True, False, "stored"]), min_size=10, max_size=60))
def test_the_oldest_that_is_not_precious_is_given_up_first(
    steps: list[bool | str],
) -> None:
    outbox = Outbox("ipc://nowhere")
    kept, number = list[tuple[int, bool]](), 0
    for step in steps:
        if isinstance(step, str):
            if kept:
                outbox._forget(kept.pop(0)[0])
        else:
            number += 1
            outbox.add(("yard", "m"), b"x", precious=step)
            outbox.take()
            kept.append((number, step))
        if len(kept) > MOST:
            kept.remove(next((one for one in kept if not one[1]), kept[0]))
        assert [(one.number, one.precious) for one in outbox._records] == kept
    outbox.close()
