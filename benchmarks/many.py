"""What the dispatcher and the sink cost a frame, from one camera to hundreds: both real, with simulated neighbours.

    python -m benchmarks.many [--cameras 1 10 50 200] [--fps 1000] [--seconds 5] [--rounds 5]

Medians of rounds in which each number of cameras has its turn, since other work on the machine comes and goes.
All cameras together give `--fps` frames a second, so that what a process does once a second weighs the same. Workers
answer at once, so no frame has to wait; without pixels, nothing but the control messages is measured.
"""

import argparse
import heapq
import select
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import zmq

from edge_daemon.messages.codec import Decoder, Message, pack
from edge_daemon.messages.frames import Frame
from edge_daemon.messages.outcomes import Outcome
from edge_daemon.messages.published import utc
from edge_daemon.messages.scheduling import (
    Announce,
    CaptureHello,
    Introduce,
    Send,
    Sent,
    ToCapture,
    Welcome,
    WorkerHello,
    WorkerReady,
)
from edge_daemon.settings import CameraPlan, DispatcherSettings, ModelPlan, SinkSettings
from edge_daemon.supervisor.child import Child
from edge_daemon.supervisor.kinds.dispatcher import Dispatcher
from edge_daemon.supervisor.kinds.kind import ProcessSpec
from edge_daemon.supervisor.kinds.sink import Sink
from edge_daemon.supervisor.spawner import Spawner
from edge_daemon.transport import zeromq
from edge_daemon.transport.peer import Peer

WORKERS = 4
WARM_S = 1.0


class Spent(NamedTuple):
    """CPU milliseconds a frame of both processes; latency from a frame to its result, in milliseconds."""

    dispatcher: float
    sink: float
    p50: float
    p99: float


class Crowd:
    """Many captures, and workers that need no time, all in one loop; and a subscriber."""

    def __init__(self, folder: Path, context: zmq.Context[zmq.Socket[bytes]], cameras: list[str]) -> None:
        self._folder, self._context = folder, context
        self._decode: Decoder[list[ToCapture]] = Decoder(list[ToCapture])
        self._poll = select.epoll()  # that costs no more for many than for one
        self._captures = {camera: self._line(f"capture/{camera}/1") for camera in cameras}
        self._names = {line.fileno(): camera for camera, line in self._captures.items()}
        self._workers = {f"m-{number}": self._line(f"m-{number}") for number in range(WORKERS)}
        self._sink = self._line("m", "sink")
        self._subscriber = zeromq.subscriber(context, zeromq.ipc(folder, "published"), hwm=0)
        self._subscriber.subscribe("result/")
        self._poll.register(self._subscriber.fileno(), select.EPOLLIN)
        self._epochs: dict[str, int] = {}
        self._sent: dict[str, list[Message]] = {camera: [] for camera in cameras}  # told with the next frame
        self._captured_ns: dict[tuple[str, int], int] = {}
        self.latencies_ms: list[float] = []
        for camera, line in self._captures.items():
            self._tell(line, CaptureHello(camera=camera, epoch=None, buffered=[], ended=None))
        for worker, line in self._workers.items():
            self._tell(line, WorkerHello(worker=worker, model="m", inbox="ipc://nowhere"))

    def play(self, fps: float, seconds: float) -> None:
        """Give frames for a while, evenly spread over the cameras, and do what the dispatcher asks."""
        self._hear()  # before it has looked for messages, the socket's file descriptor does not report them
        while len(self._epochs) < len(self._captures):
            self._step(100)
        began = time.monotonic()
        due = [(began + n / fps, camera) for n, camera in enumerate(self._captures)]
        seqs = {camera: count(self._last(camera) + 1) for camera in self._captures}
        while due[0][0] < began + seconds:
            self._step(max(0, round((due[0][0] - time.monotonic()) * 1e3)))
            while due[0][0] <= time.monotonic():
                at, camera = due[0]
                heapq.heapreplace(due, (at + len(self._captures) / fps, camera))
                seq = next(seqs[camera])
                self._captured_ns[camera, seq] = time.monotonic_ns()
                self._announce(camera, seq)

    def close(self) -> None:
        """Let go of the sockets."""
        for line in (*self._captures.values(), *self._workers.values(), self._sink):
            line.close()
        self._poll.close()
        self._subscriber.close(0)

    def _last(self, camera: str) -> int:
        return max((seq for name, seq in self._captured_ns if name == camera), default=-1)

    def _line(self, name: str, to: str = "dispatcher") -> Peer:
        line = Peer(zeromq.ipc(self._folder, to), name)
        while not line.renewed():
            time.sleep(line.wait_ms(1000) / 1e3)
        self._poll.register(line.fileno(), select.EPOLLIN)
        return line

    def _announce(self, camera: str, seq: int) -> None:
        now_ns, epoch = self._captured_ns[camera, seq], self._epochs[camera]
        announce = Announce(camera=camera, epoch=epoch, seq=seq, captured_ns=now_ns, paced=0)
        self._tell(self._captures[camera], *self._sent[camera], announce)
        self._sent[camera].clear()

    def _step(self, wait_ms: int) -> None:
        for fd, _ in self._poll.poll(wait_ms / 1e3):
            if fd == self._subscriber.fileno():
                self._hear()
            elif fd in self._names:
                camera = self._names[fd]
                for packet in self._captures[camera].receive(10):
                    for message in self._decode(packet):
                        self._answer(camera, message)

    def _hear(self) -> None:
        """Read all that was published: its file descriptor tells of what is new, not of what is left."""
        while self._subscriber.poll(0):
            topic, body = self._subscriber.recv_multipart()
            seq = int(body[body.index(b'"seq":') + 6 :].partition(b",")[0])
            captured_ns = self._captured_ns[topic.decode().split("/")[1], seq]
            self.latencies_ms.append((time.monotonic_ns() - captured_ns) / 1e6)

    def _answer(self, camera: str, message: object) -> None:
        match message:
            case Introduce() if camera not in self._epochs:
                self._tell(self._captures[camera], CaptureHello(camera=camera, epoch=None, buffered=[], ended=None))
            case Welcome():
                self._epochs[camera] = message.epoch
            case Send():
                self._work(camera, message)

    def _work(self, camera: str, order: Send) -> None:
        """The capture sends the newest frame, and the worker is done with it."""
        epoch, worker = self._epochs[camera], order.worker
        sent = Sent(camera=camera, epoch=epoch, model="m", worker=worker, inbox=order.inbox, seq=order.seq)
        self._sent[camera].append(sent)
        frame = Frame(
            camera=camera,
            epoch=epoch,
            seq=order.seq,
            captured_ns=self._captured_ns[camera, order.seq],
            captured_at=utc(time.time_ns()),
            width=64,
            height=48,
            codec="raw",
        )
        self._tell(self._workers[worker], WorkerReady(worker=worker, camera=camera, epoch=epoch, seq=order.seq))
        self._tell(self._sink, Outcome(frame=frame, model="m", worker=worker))

    @staticmethod
    def _tell(line: Peer, *messages: Message) -> None:
        line.send(pack(messages))


def measure(cameras: int, fps: float, seconds: float) -> Spent:
    """Both processes with so many live cameras."""
    names = [f"c{number}" for number in range(cameras)]
    plans = {name: CameraPlan(models=["m"], delivery="live") for name in names}
    with tempfile.TemporaryDirectory() as place, Spawner() as spawner, zmq.Context() as context:
        folder = Path(place)
        dispatcher, sink, published = (zeromq.ipc(folder, name) for name in ("dispatcher", "sink", "published"))
        children = [
            Child(ProcessSpec(kind=kind, name=kind.role, settings=settings), spawner)
            for kind, settings in (
                (Dispatcher(), DispatcherSettings(bind=dispatcher, cameras=plans, models={"m": ModelPlan()})),
                (
                    Sink(),
                    SinkSettings(
                        bind=sink,
                        pictures=zeromq.ipc(folder, "pictures"),
                        dispatcher=dispatcher,
                        publish=[published],
                        cameras=plans,
                    ),
                ),
            )
        ]
        for child in children:
            child.start()
        crowd = Crowd(folder, context, names)
        try:
            crowd.play(fps, WARM_S)
            processes = [psutil.Process(child.pid) for child in children]
            before = [sum(process.cpu_times()[:2]) for process in processes]
            crowd.latencies_ms.clear()
            crowd.play(fps, seconds)
            frames = len(crowd.latencies_ms)
            dispatcher_ms, sink_ms = (
                1e3 * (sum(process.cpu_times()[:2]) - then) / frames
                for process, then in zip(processes, before, strict=True)
            )
            p50, p99 = np.percentile(crowd.latencies_ms, [50, 99])
            return Spent(dispatcher_ms, sink_ms, p50, p99)
        finally:
            crowd.close()
            for child in children:
                child.kill()
                while child.receive() is not None:
                    time.sleep(0.01)
                child.hang_up()
                while not child.reap():
                    time.sleep(0.01)


def main() -> None:
    """Print a line for each number of cameras."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 10, 50, 200])
    parser.add_argument("--fps", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    spent: dict[int, list[Spent]] = {}
    for _ in range(arguments.rounds):
        for cameras in arguments.cameras:
            spent.setdefault(cameras, []).append(measure(cameras, arguments.fps, arguments.seconds))
    print(f"{'cameras':>8} {'dispatcher':>11} {'sink':>7} {'both, ms a frame':>17} {'p50':>6} {'p99 ms':>7}")
    for cameras, rounds in spent.items():
        both = statistics.median(one.dispatcher + one.sink for one in rounds)
        dispatcher, sink, p50, p99 = (statistics.median(values) for values in zip(*rounds, strict=True))
        print(f"{cameras:8} {dispatcher:11.3f} {sink:7.3f} {both:17.3f} {p50:6.2f} {p99:7.2f}")


if __name__ == "__main__":
    main()
