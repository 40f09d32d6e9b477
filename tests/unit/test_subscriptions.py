"""The topics that somebody subscribes to."""

import pytest

from edge_daemon.transport.subscriptions import Subscriptions


def test_a_prefix_includes_the_topics_that_begin_with_it() -> None:
    subscriptions = Subscriptions()
    assert not subscriptions.include(b"frame/door/")
    subscriptions.receive(b"\x01frame/door/")
    assert subscriptions.include(b"frame/door/")
    assert not subscriptions.include(b"frame/doorbell/")
    assert not subscriptions.include(b"result/door/")
    subscriptions.receive(b"\x01")
    assert subscriptions.include(b"result/anything/"), "the empty prefix is every topic"
    subscriptions.receive(b"\x00")
    subscriptions.receive(b"\x00frame/door/")
    assert not subscriptions.include(b"frame/door/")


@pytest.mark.parametrize("noise", [b"", b"\x02frame/", b"hello", b"\x00never/"])
def test_noise_is_ignored(noise: bytes) -> None:
    subscriptions = Subscriptions()
    subscriptions.receive(noise)
    assert not subscriptions.include(b"frame/door/")
