"""Models on a real server, of tests/inference_server.py: how they are read, and what becomes of requests."""

import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_daemon.errors import ModelError
from edge_daemon.models.builtin import path_of
from edge_daemon.models.model import Model
from edge_daemon.models.probe import texture
from edge_daemon.models.remote.connection import AwayError
from edge_daemon.models.remote.engine import RemoteEngine
from edge_daemon.models.remote.fleet import Back, Done, Fleet, Refused
from edge_daemon.models.remote.opening import open_model, stand_in, with_deadline
from edge_daemon.settings import ModelSettings, RemoteSettings
from tests.inference_server import InferenceServer, serving
from tests.onnx_models import slow_model
from tests.waiting import eventually

PERSON = path_of("person")
WAIT_S = 20.0


def settings(*urls: str, file: Path | str = "", **more: Any) -> ModelSettings:
    return ModelSettings(name="m", path=str(file), remote=RemoteSettings(urls=list(urls), **more))


@contextmanager
def fleet_of(*servers: InferenceServer, file: Path | str = "", **more: Any) -> Iterator[Fleet[str]]:
    one = settings(*(server.url for server in servers), file=file, **more)
    here = stand_in(one)
    fleet: Fleet[str] = Fleet(one, here.copy if here else None)
    try:
        with_deadline(fleet, must=True)
        eventually(lambda: all(r.state == "up" for r in advanced(fleet)), WAIT_S, what="all servers up")
        yield fleet
    finally:
        fleet.close()


@contextmanager
def opened(one: ModelSettings) -> Iterator[Model]:
    model = open_model(one)
    try:
        yield model
    finally:
        assert isinstance(model.session.engine, RemoteEngine)
        model.session.engine.close()


def advanced(fleet: Fleet[str], into: list[object] | None = None) -> Any:
    fleet.try_servers()
    for event in fleet.events():
        if into is not None:
            into.append(event)
    return fleet.reports()


def ask(fleet: Fleet[str], what: str = "w") -> Done[str] | Back[str] | Refused[str]:
    """What becomes of a request."""
    model = fleet.model
    assert model
    begun = model.begin([texture(100, 100)], [(100, 100)])
    eventually(lambda: advanced(fleet) and fleet.has_room, WAIT_S, what="room")
    assert fleet.send(what, begun.feeds, model.session.names)
    events: list[Any] = []
    eventually(lambda: advanced(fleet, events) and events, WAIT_S, what="an answer", every_s=0.01)
    found: Done[str] | Back[str] | Refused[str] = events[0]
    return found


def test_a_model_on_a_server_is_read_as_its_copy_here_and_finds_the_same() -> None:
    here = Model(ModelSettings(name="m", path=str(PERSON)))
    with serving(PERSON) as server, opened(settings(server.url, file=PERSON)) as there:
        pass
    assert [(one.what, one.value, one.sure) for one in there.facts] == [
        (one.what, one.value, one.sure) for one in here.facts
    ]


def test_without_a_copy_what_is_only_likely_is_said() -> None:
    with serving(PERSON) as server, opened(settings(server.url)) as there:
        there.detect(texture(288, 512))
    assert any(note.startswith("likely, not certain: its input") for note in there.notes)


def test_another_model_here_is_no_copy(tmp_path: Path) -> None:
    other = slow_model(tmp_path / "other.onnx", 1)
    with serving(PERSON) as server, opened(settings(server.url, file=other)) as there:
        pass
    assert there.size == (288, 512)


def test_a_file_in_the_repository_of_the_server_says_what_the_protocol_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "m" / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(PERSON.read_bytes())
    with serving(PERSON) as server, opened(settings(server.url)) as there:
        assert there.names == ("class 0",)
    with serving(PERSON) as server, opened(settings(server.url, repository=str(folder.parent))) as there:
        assert there.names == ("person",)


def test_an_answer_is_that_of_the_model() -> None:
    with serving(PERSON) as server, fleet_of(server) as fleet:
        event = ask(fleet)
        assert isinstance(event, Done)
        assert event.server == server.url
        model = fleet.model
        assert model
        begun = model.begin([texture(100, 100)], [(100, 100)])
        direct = model.session.engine.run(model.session.names, begun.feeds)
        assert all(np.array_equal(a, b) for a, b in zip(event.arrays, direct, strict=True))


def test_a_request_to_a_killed_server_comes_back_and_the_server_is_taken_again_when_it_answers() -> None:
    with serving(PERSON) as server, fleet_of(server) as fleet:
        port = server.port
        server.behaviour.delay_s = 0.3
        model = fleet.model
        assert model
        fleet.send("w", model.begin([texture(9, 9)], [(9, 9)]).feeds, model.session.names)
        eventually(lambda: server.behaviour.asked[1:], WAIT_S, what="the request")
        server.close()
        events: list[Any] = []
        eventually(lambda: advanced(fleet, events) and events, WAIT_S, what="its return", every_s=0.01)
        assert isinstance(events[0], Back)
        assert not fleet.is_up
        with serving(PERSON, port=port):
            eventually(lambda: advanced(fleet) and fleet.is_up, WAIT_S, what="it being up again")
            assert fleet.model is model  # it is the same model, and is not read again


def test_a_server_that_is_too_slow_is_away() -> None:
    with serving(PERSON) as server, fleet_of(server) as fleet:
        for _ in range(3):
            assert isinstance(ask(fleet), Done)
        server.behaviour.delay_s = 30.0
        began = time.monotonic()
        assert isinstance(ask(fleet), Back)
        assert time.monotonic() - began < 4.0
        assert fleet.reports()[0].state == "down (timeout)"
        server.behaviour.delay_s = 0.0


@pytest.mark.parametrize(
    "spoil",
    [lambda name, array: array[:, :10], lambda name, array: array[..., 0]],
    ids=["fewer rows", "fewer axes"],
)
def test_outputs_of_other_shapes_are_not_read(spoil: Callable[..., Any]) -> None:
    with serving(PERSON) as server, fleet_of(server) as fleet:
        server.behaviour.spoil = spoil
        assert isinstance(ask(fleet), Back)
        assert fleet.reports()[0].state == "down (wrong shapes)"


def test_a_server_that_restarts_with_another_version_is_looked_at_again(tmp_path: Path) -> None:
    with serving(PERSON) as server, fleet_of(server) as fleet:
        first = fleet.model
        server.behaviour.version = "2"
        assert isinstance(ask(fleet), Back)
        eventually(lambda: advanced(fleet) and fleet.is_up, WAIT_S, what="it being up again")
        assert fleet.model is first  # only the version's name is new
        server.load(slow_model(tmp_path / "other.onnx", 1))
        server.behaviour.version = "3"
        while fleet.model is first:  # what is prepared for the old one is refused until the server is looked at
            assert isinstance(ask(fleet), Back | Refused)
            eventually(lambda: advanced(fleet) and fleet.is_up, WAIT_S, what="it being up again")
        assert isinstance(ask(fleet), Done)


def test_a_second_server_with_another_model_is_refused(tmp_path: Path) -> None:
    with (
        serving(PERSON) as right,
        serving(slow_model(tmp_path / "other.onnx", 1)) as wrong,
        fleet_of(right) as known,
    ):
        fleet: Fleet[str] = Fleet(settings(right.url, wrong.url))
        try:
            eventually(
                lambda: advanced(fleet) and sorted(r.state for r in fleet.reports()) == ["down (another model)", "up"],
                WAIT_S,
                what="one of them being refused",
            )
        finally:
            fleet.close()
        assert known.is_up


def test_servers_that_are_looked_at_together_have_the_same_model(caplog: pytest.LogCaptureFixture) -> None:
    with serving(PERSON) as one, serving(PERSON) as other, fleet_of(one, other) as fleet:
        model = fleet.model
        assert model
        asked = {event.server for event in (ask(fleet), ask(fleet), ask(fleet), ask(fleet)) if isinstance(event, Done)}
        assert asked <= {one.url, other.url}
    assert "another model" not in caplog.text


def test_errors_are_those_of_the_picture_until_there_are_many_in_a_row() -> None:
    with serving(PERSON) as server, fleet_of(server) as fleet:
        server.behaviour.error = "out of memory"
        for _ in range(3):
            event = ask(fleet)
            assert isinstance(event, Refused)
            assert "out of memory" in str(event.error)
        assert fleet.reports()[0].state == "down (errors)"
        server.behaviour.error = ""
        assert isinstance(ask(fleet), Done)


def test_a_token_is_sent_and_its_lack_named() -> None:
    with serving(PERSON) as server:
        server.behaviour.token = "secret-of-the-server"
        with opened(settings(server.url, token="secret-of-the-server")) as there:
            assert there.size == (288, 512)
        with pytest.raises(AwayError, match="unauthorised"):
            open_model(settings(server.url))


def test_what_is_no_model_for_pictures_is_refused(tmp_path: Path) -> None:
    with serving(PERSON) as server:
        with pytest.raises(AwayError, match="not found"):
            open_model(settings(f"{server.url}-other"))
        server.behaviour.spoil = lambda name, array: array * np.float32("nan")
        with pytest.raises(ModelError, match="its outputs"):
            open_model(settings(server.url))


def certificates(folder: Path, days: int = 1, authority: Path | None = None) -> Path:
    """A certificate for localhost, made by the authority in another folder, or by itself."""
    key, asked, made = (str(folder / name) for name in ("key.pem", "asked.pem", "cert.pem"))
    names = str(folder / "names")
    is_authority = "" if authority else "basicConstraints=critical,CA:TRUE\n"
    Path(names).write_text(f"{is_authority}subjectAltName=DNS:localhost,IP:127.0.0.1")
    signed: tuple[str, ...] = ("-signkey", key)
    if authority:
        signed = ("-CA", f"{authority}/cert.pem", "-CAkey", f"{authority}/key.pem", "-CAcreateserial")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    for command in (
        ["req", *curve, "-keyout", key, "-out", asked, "-subj", f"/CN={folder.name}"],
        [*("x509", "-req", "-in", asked, *signed), *("-days", str(days), "-out", made, "-extfile", names)],
    ):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    return folder


def tls_of(folder: Path, clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients / "cert.pem")
    return context


def test_tls_with_certificates_of_both_sides(tmp_path: Path) -> None:
    (own := tmp_path / "server").mkdir()
    (mine := tmp_path / "client").mkdir()
    certificates(own)
    certificates(mine)
    files = {"ca": str(own / "cert.pem"), "certificate": str(mine / "cert.pem"), "key": str(mine / "key.pem")}
    with serving(PERSON, tls=tls_of(own, clients=mine)) as server:
        with opened(settings(server.url, **files)) as there:
            assert there.size == (288, 512)
        with pytest.raises(AwayError):
            open_model(settings(server.url, ca=files["ca"]))
        with pytest.raises(AwayError, match="no trusted certificate"):
            open_model(settings(server.url))


def test_an_expired_certificate_is_named(tmp_path: Path) -> None:
    certificates(tmp_path, days=-1)
    with (
        serving(PERSON, tls=tls_of(tmp_path)) as server,
        pytest.raises(AwayError, match="no trusted certificate"),
    ):
        open_model(settings(server.url, ca=str(tmp_path / "cert.pem")))
