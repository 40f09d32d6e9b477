"""The web's process: an event loop for HTTP, and a thread (the broker) for the other processes. No model runs here."""

import asyncio
import contextlib
import logging
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import uvloop
import zmq

from edge_daemon.errors import StartError
from edge_daemon.messages.status import ProcessReport
from edge_daemon.messages.topics import REPLAY, STATUS, STREAMED
from edge_daemon.runtime.control import Control, Reconfigure, Replied
from edge_daemon.runtime.run_files import HISTORY
from edge_daemon.settings import WebSettings
from edge_daemon.web.app import make_app
from edge_daemon.web.broker import Broker
from edge_daemon.web.decoders import Decoders
from edge_daemon.web.guard import Guard
from edge_daemon.web.live import Live
from edge_daemon.web.metrics import Metrics
from edge_daemon.web.server import Server, listening
from edge_daemon.web.service import Service
from edge_daemon.web.supervisor_client import SupervisorClient

if TYPE_CHECKING:
    from edge_daemon.web.grpc_server import GrpcServer

logger = logging.getLogger(__name__)
BEAT_S = 1.0
DECODING = 0.5
"""Share of the time for an answer that decoding a picture may take."""


def serve(control: Control) -> None:
    """Answer requests until the supervisor ends this process."""
    settings = control.settings(WebSettings)
    cv2.setNumThreads(1)
    with zmq.Context() as context, contextlib.closing(listening(settings.listen)) as listener:
        uvloop.run(_serve(control, settings, context, listener))


async def _serve(
    control: Control, settings: WebSettings, context: zmq.Context[zmq.Socket[bytes]], listener: socket.socket
) -> None:
    loop = asyncio.get_running_loop()
    receivers: list[Live] = []
    broker = Broker(settings, context, lambda parts: receivers[0].receive(parts))
    history = Path(settings.folder) / HISTORY if settings.folder else None
    live, metrics = Live(broker, loop, settings.cameras, history), Metrics()
    receivers.append(live)
    live.observe(metrics.result)
    for topic in (STATUS, *STREAMED, REPLAY):
        broker.subscribe(topic.prefix(), wanted=True)
    broker.start()
    supervisor = SupervisorClient(control)
    decoders = Decoders(settings.max_pixels, settings.max_bytes, settings.timeout_s * DECODING)
    service = Service(settings, broker, live, metrics, supervisor, loop, decoders)
    app = make_app(service)
    server = Server(app, listener, settings, metrics.rejections)

    def on_commands() -> None:
        for command in control.commands():
            match command:
                case Reconfigure():
                    control.reconfigured(_change(service, server, grpc, control.new_settings(command, WebSettings)))
                case Replied():
                    supervisor.replied(command)
        if control.stopping:
            supervisor.release()
            live.close()
            server.leave()

    grpc = _grpc(settings, service, app)
    loop.add_reader(control.fileno(), on_commands)
    beating = loop.create_task(_beat(control, service, server))
    try:
        await server.serve(sockets=[listener])
        if not broker.is_alive():
            raise RuntimeError("the broker has died")
    finally:
        loop.remove_reader(control.fileno())
        beating.cancel()
        if grpc:
            grpc.close()
        broker.stop()
        broker.join()
        decoders.close()


def _grpc(settings: WebSettings, service: Service, app: Guard) -> "GrpcServer | None":
    """The server for gRPC, if there is to be one.

    Raises:
        StartError: it cannot be started.
    """
    if settings.grpc is None:
        return None
    from edge_daemon.web.grpc_server import GrpcServer  # few need it

    return GrpcServer(settings, service, app.access)


def _change(service: Service, server: Server, grpc: "GrpcServer | None", settings: WebSettings) -> str:
    """Use other settings; return why they cannot be used, if so."""
    try:
        if settings.stamp != service.settings.stamp:
            server.use_certificate(settings)
            if grpc:
                grpc.use_certificate(settings)
    except (StartError, OSError) as error:
        return str(error)
    service.change(settings)
    return ""


async def _beat(control: Control, service: Service, server: Server) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    control.ready()
    while service.broker.is_alive():
        control.heartbeat("up", ProcessReport(rejected=service.broker.rejected))
        service.decoders.end_idle(time.monotonic())
        await asyncio.sleep(BEAT_S)
    server.leave()
