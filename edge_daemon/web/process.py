"""The web's process: an event loop for HTTP, and a thread (the broker) for the other processes. No model runs here."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator

import cv2
import uvicorn
import uvloop
import zmq

from edge_daemon.errors import StartError
from edge_daemon.messages.status import ProcessReport
from edge_daemon.messages.topics import STATUS, STREAMED
from edge_daemon.runtime.control import Control, Reconfigure, Replied
from edge_daemon.settings import WebSettings
from edge_daemon.web.app import make_app
from edge_daemon.web.broker import Broker
from edge_daemon.web.guard import Guard
from edge_daemon.web.live import Live
from edge_daemon.web.metrics import Metrics
from edge_daemon.web.service import Service
from edge_daemon.web.supervisor_client import SupervisorClient

logger = logging.getLogger(__name__)
BEAT_S = TICK_S = 1.0
BACKLOG = 256
STOP_S = 2
"""Time limit for the answers that are under way when this process ends."""


def serve(control: Control) -> None:
    """Answer requests until the supervisor ends this process."""
    settings = control.settings(WebSettings)
    cv2.setNumThreads(1)
    with zmq.Context() as context, contextlib.closing(_listening(settings.listen)) as listener:
        uvloop.run(_serve(control, settings, context, listener))


async def _serve(
    control: Control, settings: WebSettings, context: zmq.Context[zmq.Socket[bytes]], listener: socket.socket
) -> None:
    loop = asyncio.get_running_loop()
    receivers: list[Live] = []
    broker = Broker(settings, context, lambda parts: receivers[0].receive(parts))
    live, metrics = Live(broker, loop, settings.cameras), Metrics()
    receivers.append(live)
    live.observe(metrics.result)
    for topic in (STATUS, *STREAMED):
        broker.subscribe(topic.prefix(), wanted=True)
    broker.start()
    supervisor = SupervisorClient(control)
    service = Service(settings, broker, live, metrics, supervisor, loop)
    server = _server(make_app(service), settings)

    def on_commands() -> None:
        for command in control.commands():
            match command:
                case Reconfigure():
                    service.change(control.new_settings(command, WebSettings))
                    control.reconfigured()
                case Replied():
                    supervisor.replied(command)
        if control.stopping:
            supervisor.release()
            server.leave()

    loop.add_reader(control.fileno(), on_commands)
    beating = loop.create_task(_beat(control, broker, server))
    try:
        await server.serve(sockets=[listener])
        if not broker.is_alive():
            raise RuntimeError("the broker has died")
    finally:
        loop.remove_reader(control.fileno())
        beating.cancel()
        broker.stop()
        broker.join()


async def _beat(control: Control, broker: Broker, server: "_Server") -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    control.ready()
    while broker.is_alive():
        control.heartbeat("up", ProcessReport(rejected=broker.rejected))
        await asyncio.sleep(BEAT_S)
    server.leave()


def _server(app: Guard, settings: WebSettings) -> "_Server":
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_S,
            ssl_certfile=settings.certificate,
            ssl_keyfile=settings.key,
        )
    )


class _Server(uvicorn.Server):
    """Wakes up once a second, for the date in its answers; uvicorn's own loop wakes up ten times a second to check for
    shutdown.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop accepting requests, and end."""
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """Run until `leave`; tick number 0 is one that renews the date."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), TICK_S)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the supervisor."""
        yield


def _listening(address: str) -> socket.socket:
    """Open a socket that listens at ADDRESS:PORT.

    Raises:
        StartError: the address is in use, or not one of this machine.
    """
    host, _, port = address.rpartition(":")
    try:
        listener = socket.create_server(
            (host.strip("[]"), int(port)),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=BACKLOG,
        )
    except OSError as error:
        raise StartError(f"cannot serve the web at {address}: {(error.strerror or str(error)).lower()}") from error
    # Accepted sockets inherit it. asyncio would set it, but does not take a socket of protocol 0 for TCP; without it
    # the body of an answer waits 40 ms for its head to be acknowledged.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
