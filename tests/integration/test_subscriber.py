"""`Subscriber` against a real publishing socket."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq

from edge_daemon import AnnotatedFrame, Status, Subscriber
from edge_daemon.errors import RequestError, WireError
from edge_daemon.imaging.codecs import encode_rgb
from edge_daemon.messages.findings import Detection, PictureClass, Rle, Segment, Text, Value
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.topics import TOPICS
from edge_daemon.transport.zeromq import publisher

Socket = zmq.Socket[bytes]
WAIT_S = 10.0


class Collector:
    """Publishes by hand."""

    def __init__(self, context: zmq.Context[Socket], address: str) -> None:
        self.address = address
        self.socket = publisher(context)
        self.socket.bind(address)

    def wait_for_subscription(self) -> None:
        assert self.socket.poll(int(WAIT_S * 1000))
        self.socket.recv()

    def publish(self, kind: str, camera: str | None, message: object, *payload: bytes) -> None:
        self.socket.send_multipart([TOPICS[kind].prefix(camera), msgspec.json.encode(message), *payload])


@pytest.fixture
def publishing(tmp_path: Path) -> Iterator[Collector]:
    with zmq.Context() as context:
        publishing = Collector(context, f"ipc://{tmp_path / 'publish'}")
        yield publishing
        publishing.socket.close(0)


def result(seq: int, **changes: object) -> Result:
    found = Detection(xyxy=(1.0, 2.0, 3.0, 4.0), confidence=0.5, class_id=0, class_name="人")
    made = Result(
        camera="door",
        model="m",
        epoch=1,
        seq=seq,
        captured_at="2026-11-22T10:41:00.123456Z",
        time_s=61.72,
        width=4,
        height=2,
        detections=[found],
        dropped={"replaced": 1},
        timing_ms=Timing(total=3.0),
        worker="m-0",
    )
    return msgspec.structs.replace(made, **changes)


def test_fields_that_others_do_not_know_or_send_change_nothing(publishing: Collector) -> None:
    """A daemon and its subscribers need not be of the same version."""
    newer = msgspec.to_builtins(result(0)) | {"tracks": [1]}
    older = msgspec.to_builtins(result(1))
    del older["time_s"]
    with Subscriber(publishing.address, timeout_s=WAIT_S) as messages:
        publishing.wait_for_subscription()
        publishing.publish("result", "door", newer)
        publishing.publish("result", "door", older)
        assert messages.receive() == result(0)
        assert messages.receive() == result(1, time_s=0.0)


def test_results_come_as_objects_and_frames_as_rgb(publishing: Collector) -> None:
    red = np.zeros((2, 4, 3), np.uint8)
    red[..., 0] = 255
    end = End(camera="door", model="m", epoch=1, captured=1, delivered=1, dropped={})
    with Subscriber(publishing.address, frames=True, status=True, timeout_s=WAIT_S) as messages:
        for _ in range(3):
            publishing.wait_for_subscription()
        publishing.publish("result", "door", result(0))
        publishing.publish("frame", "door", result(0, type="frame", encoding="png"), bytes(encode_rgb(red, "png")))
        publishing.publish("status", None, {"v": 1, "type": "status", "at": "now", "cameras": {}, "processes": []})
        publishing.publish("result", "door", end)
        assert messages.receive() == result(0)
        frame = messages.receive()
        assert isinstance(frame, AnnotatedFrame)
        assert (frame.rgb == red).all()
        assert frame.result.seq == 0
        assert messages.receive() == Status(at="now", cameras={}, processes=[])
        assert messages.receive() == end


FINDINGS: dict[str, dict[str, object]] = {
    "classes": {"classes": [PictureClass(class_id=1, class_name="red", confidence=0.9)]},
    "embedding": {"embedding": [0.6, 0.8]},
    "keypoints": {"keypoints": [(1.0, 2.0, 0.5)], "skeleton": "points1"},
    "segments": {"segments": [Segment(class_id=1, class_name="road", area=1.0, mask=Rle(size=(2, 4), counts="08"))]},
    "text": {"text": Text(text="AB123", confidence=0.9)},
    "values": {"values": [Value(name="age", value=34.0)]},
}


@pytest.mark.parametrize("kind", FINDINGS)
def test_every_finding_arrives_as_it_was_sent(publishing: Collector, kind: str) -> None:
    whole = result(0, **FINDINGS[kind])
    sent = [whole]
    if kind != "segments":
        box = {"xyxy": (1.0, 2.0, 3.0, 4.0), "confidence": 0.5, "class_id": 0, "class_name": "car", "parent": 0}
        inside = msgspec.convert(box | msgspec.to_builtins(FINDINGS[kind]), Detection)
        sent.append(result(1, detections=[inside]))
    with Subscriber(publishing.address, timeout_s=WAIT_S) as messages:
        publishing.wait_for_subscription()
        for one in sent:
            publishing.publish("result", "door", one)
        assert [messages.receive() for _ in sent] == sent


def test_only_the_cameras_asked_for(publishing: Collector) -> None:
    with Subscriber(publishing.address, cameras=["1"], timeout_s=WAIT_S) as messages:
        publishing.wait_for_subscription()
        publishing.publish("result", "10", result(0, camera="10"))
        publishing.publish("result", "1", result(1, camera="1"))
        message = messages.receive()
        assert isinstance(message, Result)
        assert message.camera == "1"


def test_newest_skips_what_this_program_was_too_slow_for(publishing: Collector) -> None:
    with Subscriber(publishing.address, newest=True, timeout_s=WAIT_S) as messages:
        publishing.wait_for_subscription()
        publishing.publish("result", "a", result(0, camera="a"))
        assert isinstance(first := messages.receive(), Result)
        for seq in range(1, 50):
            publishing.publish("result", "a", result(seq, camera="a"))
        publishing.publish("result", "b", result(0, camera="b"))
        seen: list[tuple[str, int]] = []
        while not seen or seen[-1] != ("b", 0):
            message = messages.receive()
            assert isinstance(message, Result)
            seen.append((message.camera, message.seq))
        assert first.seq == 0
        assert ("a", 49) in seen, "the last of each is never skipped"
        assert [seq for camera, seq in seen if camera == "a"] == sorted(seq for camera, seq in seen if camera == "a")


def test_iterating_ends_when_nothing_comes(publishing: Collector) -> None:
    with Subscriber(publishing.address, timeout_s=0.05) as messages:
        assert list(messages) == []
        with pytest.raises(TimeoutError):
            messages.receive()


def test_topics_are_selected_by_name_too(publishing: Collector) -> None:
    with Subscriber(publishing.address, results=False, topics=["status"], timeout_s=WAIT_S) as messages:
        publishing.wait_for_subscription()
        publishing.publish("result", "a", result(0))
        publishing.publish("status", None, {"v": 1, "type": "status", "at": "now", "cameras": {}, "processes": []})
        assert isinstance(messages.receive(), Status)
    with pytest.raises(RequestError, match="there is no topic news; there are result, frame, status"):
        Subscriber(publishing.address, topics=["news"])


def test_closing_twice_and_iterating_after(publishing: Collector) -> None:
    messages = Subscriber(publishing.address)
    messages.close()
    messages.close()
    assert list(messages) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"v": 2, "type": "result"}', b'{"v": 1, "type": "news"}', b'{"v": 1, "type": "result"}'],
)
def test_what_is_no_message_of_ours(publishing: Collector, body: bytes) -> None:
    with Subscriber(publishing.address, timeout_s=WAIT_S) as messages:
        publishing.wait_for_subscription()
        publishing.socket.send_multipart([TOPICS["result"].prefix("door"), body])
        with pytest.raises(WireError):
            messages.receive()
        publishing.publish("result", "door", result(7))
        assert messages.receive() == result(7), "the next is read as if nothing had been"


def test_what_makes_no_sense_to_ask() -> None:
    with pytest.raises(RequestError, match="must select"):
        Subscriber(results=False)
    with pytest.raises(RequestError, match="cannot subscribe at nonsense"):
        Subscriber("nonsense")
