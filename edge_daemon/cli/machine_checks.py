"""Checks of a configuration against this machine: addresses in use, files that the service may not read, disks."""

import grp
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import zmq

from edge_daemon.addresses import IPC
from edge_daemon.cli.reload import is_running
from edge_daemon.config.problems import KeyPath, Problem
from edge_daemon.config.schema import Config
from edge_daemon.config.sources import kind_of, path_of
from edge_daemon.config.storing import storage_settings
from edge_daemon.runtime import disk
from edge_daemon.runtime.state import daemon_folder
from edge_daemon.transport.curve import ANY
from edge_daemon.zoo.paths import BUILTIN, is_download

SERVICE_USER = "edge-daemon"


def machine_faults(config: Config, file: Path, service_file: Path) -> Iterator[Problem]:
    """A problem for each address in use, unless a daemon that reads `file` uses it; and, if `file` is the service's,
    for each file in it that the service's user may not read.
    """
    storage = storage_settings(config, daemon_folder(file.absolute()))
    if storage and disk.is_remote(kind := disk.file_system(Path(storage.folder))):
        advice = "the index needs a disk of this machine; media may be elsewhere"
        yield config.lines.problem(("storage", "path"), f"{storage.folder} is on {kind}: {advice}")
    if not is_running(file):
        yield from _busy_addresses(config)
    if file.absolute() == service_file and os.geteuid() == 0:
        yield from _forbidden_files(config, file)


def _busy_addresses(config: Config) -> Iterator[Problem]:
    wanted: list[tuple[KeyPath, str]] = [
        (("publish", "bind", i), address)
        for i, address in enumerate(config.publish.bind)
        if not address.startswith(IPC)
    ]
    if config.web.enabled and "web" in config.model_fields_set:
        wanted.append((("web", "listen"), f"tcp://{config.web.listen}"))
    for key, address in wanted:
        if reason := _refused(address):
            yield config.lines.problem(key, f"cannot listen at {address.removeprefix('tcp://')}: {reason}")


def _refused(address: str) -> str | None:
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        socket.linger = 0
        try:
            socket.bind(address.replace("tcp://localhost:", "tcp://127.0.0.1:"))
        except zmq.ZMQError as error:
            return zmq.strerror(error.errno or 0).lower()
    return None


def _forbidden_files(config: Config, file: Path) -> Iterator[Problem]:
    try:
        user = pwd.getpwnam(SERVICE_USER)
    except KeyError:  # the service is not installed
        return
    groups = [*os.getgrouplist(user.pw_name, user.pw_gid), *_device_groups()]
    for key, path in [((), file), *_files(config)]:
        if path.exists() and not _may_read(path, user, groups):
            yield config.lines.problem(
                key, f"the service's user {SERVICE_USER} may not read {path}: chown {SERVICE_USER} {path}"
            )


def _device_groups() -> Iterator[int]:
    """The groups that the service's unit adds."""
    for name in ("video", "render"):
        try:
            yield grp.getgrnam(name).gr_gid
        except KeyError:
            continue


def _may_read(path: Path, user: pwd.struct_passwd, groups: list[int]) -> bool:
    asked = subprocess.run(["test", "-r", path], user=user.pw_uid, group=user.pw_gid, extra_groups=groups, check=False)
    return asked.returncode == 0


def _files(config: Config) -> Iterator[tuple[KeyPath, Path]]:
    for name, camera in config.cameras.items():
        if kind_of(camera.source) in ("file", "folder"):
            yield ("cameras", name, "source"), path_of(camera.source)
    for name, model in config.models.items():
        if model.file and not model.file.startswith(BUILTIN) and not is_download(model.file):
            yield ("models", name, model.file_key), Path(model.file)
        for key in ("ca", "certificate", "key"):
            if file := getattr(model, key):
                yield ("models", name, key), Path(file)
        if isinstance(model.labels, str):
            yield ("models", name, "labels"), Path(model.labels)
    for key, file in (("certificate", config.web.certificate), ("key", config.web.key)):
        if file:
            yield ("web", key), Path(file)
    for i, client in enumerate(config.publish.clients or []):
        if client != ANY and client.startswith("/"):
            yield ("publish", "clients", i), Path(client)
    if (secret := config.publish.secret_key) and secret.startswith("/"):
        yield ("publish", "secret_key"), Path(secret)
