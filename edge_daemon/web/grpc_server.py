"""The Open Inference Protocol over gRPC: each call becomes what it would be over HTTP, with the same rights.

gRPC's threads take the calls; the event loop does the work.
"""

import asyncio
import logging
import time
from collections.abc import Callable, MutableMapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from fastapi import HTTPException

from edge_daemon.config.problems import unknown
from edge_daemon.errors import ModelError, StartError
from edge_daemon.models.remote import grpc_library, grpc_protocol
from edge_daemon.models.tensors import Metadata, declared
from edge_daemon.protobuf import field
from edge_daemon.settings import WebSettings
from edge_daemon.web.access import Access, Identity, RequestHead
from edge_daemon.web.bodies import hold
from edge_daemon.web.guard import SHARE
from edge_daemon.web.inference import TENSORS, ProtocolError, metadata, tensors_metadata
from edge_daemon.web.protocol import run
from edge_daemon.web.service import Service

logger = logging.getLogger(__name__)
THREADS = 16
"""Calls that are taken at once: each waits for its answer in a thread."""
CLOSE_S = 1.0
CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    503: "UNAVAILABLE",
    429: "RESOURCE_EXHAUSTED",
}


class _Call:
    """The sender of a call, who may leave before it is answered."""

    def __init__(self, share: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.scope: MutableMapping[str, Any] = {SHARE: share}
        self._gone, self._loop = asyncio.Event(), loop

    async def receive(self) -> None:
        await self._gone.wait()

    def left(self) -> None:
        self._loop.call_soon_threadsafe(self._gone.set)


class GrpcServer:
    """Serves at the address in the settings until it is closed.

    Raises:
        StartError: gRPC is not installed, or the address cannot be used.
    """

    def __init__(self, settings: WebSettings, service: Service, access: Access) -> None:
        try:
            grpc = grpc_library.load()
        except ModuleNotFoundError:
            raise StartError(f"web.grpc: {grpc_library.MISSING}") from None
        assert settings.grpc
        self._grpc, self._service, self._access, self._settings = grpc, service, access, settings
        options = [("grpc.max_receive_message_length", settings.max_bytes), ("grpc.so_reuseport", 0)]
        options += [("grpc.max_send_message_length", -1)]
        self._threads = ThreadPoolExecutor(THREADS, "grpc")
        self._server = grpc.server(self._threads, options=options)
        calls: dict[str, Callable[[bytes, Any], bytes]] = {
            "ServerLive": lambda _, context: grpc_protocol.write_flag(True),
            "ServerReady": lambda _, context: grpc_protocol.write_flag(service.broker.connected),
            "ServerMetadata": lambda _, context: field(1, "edge-daemon") + field(2, version("edge-daemon")),
            "ModelReady": self._ready,
            "ModelMetadata": self._metadata,
            "ModelInfer": self._infer,
        }
        handlers = {name: grpc.unary_unary_rpc_method_handler(self._guarded(call)) for name, call in calls.items()}
        name = grpc_protocol.SERVICE.strip("/")
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        try:
            if settings.certificate and settings.key:
                self.use_certificate(settings)
                credentials = grpc.dynamic_ssl_server_credentials(self._certificate, lambda: self._certificate)
                port = self._server.add_secure_port(settings.grpc, credentials)
            else:
                port = self._server.add_insecure_port(settings.grpc)
        except (RuntimeError, OSError) as error:
            raise StartError(f"cannot serve gRPC at {settings.grpc}: {error}") from error
        self._server.start()
        logger.info("gRPC: %s (port %d)", settings.grpc, port)

    def use_certificate(self, settings: WebSettings) -> None:
        """Use the certificate as it is in its files now, for new connections.

        Raises:
            OSError: it cannot be read.
        """
        if settings.certificate and settings.key:
            pair = Path(settings.key).read_bytes(), Path(settings.certificate).read_bytes()
            self._certificate = self._grpc.ssl_server_certificate_configuration([pair])

    def close(self) -> None:
        """Stop, once the calls under way are answered or have had their time."""
        self._server.stop(CLOSE_S).wait()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _guarded(self, call: Callable[[bytes, Any], bytes]) -> Callable[[bytes, Any], bytes]:
        """A call that only viewers may make, and whose errors are answers."""

        def guarded(message: bytes, context: Any) -> bytes:
            given = dict(context.invocation_metadata()).get("authorization", "")
            bearer = given.removeprefix("Bearer ") if given.startswith("Bearer ") else None
            client = context.peer().partition(":")[2].rpartition(":")[0].strip("[]")
            head = RequestHead(method="POST", host="localhost", client=client, bearer=bearer)
            found = self._access.admit(head, "viewer", time.monotonic())
            if not isinstance(found, Identity):
                context.abort(self._code(found.status), found.sentence)
            try:
                return call(message, context)
            except HTTPException as error:
                context.abort(self._code(error.status_code), str(error.detail))
            except (ProtocolError, ModelError) as error:
                context.abort(self._code(400), str(error))
            except CancelledError:
                context.abort(self._code(503), "this service stops")
            raise AssertionError("abort raises")

        return guarded

    def _code(self, status: int) -> Any:
        name = CODES.get(status, "INVALID_ARGUMENT" if status < 500 else "INTERNAL")
        return getattr(self._grpc.StatusCode, name)

    def _known(self, model: str) -> str:
        if model not in self._service.settings.models:
            raise HTTPException(404, unknown("model", model, self._service.settings.models))
        return model

    def _ready(self, message: bytes, context: Any) -> bytes:
        model, _ = grpc_protocol.read_named(message)
        return grpc_protocol.write_flag(self._service.has_worker(self._known(model)))

    def _metadata(self, message: bytes, context: Any) -> bytes:
        model, wanted = grpc_protocol.read_named(message)
        described = metadata(self._known(model))
        if wanted == TENSORS:
            described = tensors_metadata(model, self._service.description(model))
        inputs, outputs = (
            tuple(declared(one["name"], one["datatype"], one["shape"]) for one in described[key])
            for key in ("inputs", "outputs")
        )
        about = Metadata(
            model, tuple(described["versions"]), inputs, outputs, described["platform"], described.get("properties", {})
        )
        return grpc_protocol.write_metadata(about)

    def _infer(self, message: bytes, context: Any) -> bytes:
        asked = grpc_protocol.read_raw(message)
        self._known(asked.model)
        share = self._service.budget.share(context.cancel)
        call = _Call(share, self._service.loop)
        context.add_callback(call.left)
        body = bytearray(b"".join((head := _head(asked), *asked.raw)))

        async def answered() -> tuple[bytes, int | None]:
            with share:
                hold(call, len(body))
                return await run(call, self._service, asked.model, body, len(head))

        data, length = asyncio.run_coroutine_threadsafe(answered(), self._service.loop).result()
        return _translated(asked, memoryview(data), length)


def _head(asked: grpc_protocol.Raw) -> bytes:
    """The JSON of the same request over HTTP."""
    inputs = [
        {"name": one.name, "datatype": one.datatype, "shape": one.shape, "parameters": {"binary_data_size": len(raw)}}
        for one, raw in zip(asked.inputs, asked.raw, strict=True)
    ]
    request: dict[str, Any] = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    if asked.outputs:
        request["outputs"] = [{"name": name} for name in asked.outputs]
    return msgspec.json.encode(request)


def _translated(asked: grpc_protocol.Raw, data: memoryview, length: int | None) -> bytes:
    """An answer over HTTP as one over gRPC."""
    at = len(data) if length is None else length
    answer = msgspec.json.decode(data[:at])
    listed, raw = [], []
    for one in answer["outputs"]:
        size = one["parameters"]["binary_data_size"]
        listed.append(grpc_protocol.Described(one["name"], one["datatype"], one["shape"]))
        raw.append(data[at : at + size])
        at += size
    return grpc_protocol.write_raw(asked.model, answer["model_version"], asked.number, listed, raw)
