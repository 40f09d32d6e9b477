"""The web interface of a running daemon, over real HTTP."""

import base64
import io
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, accounts, free_port, listens, running
from tests.components import require_component
from tests.conftest import CHECKOUT
from tests.http_files import self_signed
from tests.onnx_models import colour_model, failing_model, slow_model
from tests.processes import children_like
from tests.waiting import eventually

RED = (255, 0, 0)


class Site:
    """A daemon with a web interface, and a client of it."""

    def __init__(self, folder: Path, daemon: Daemon, port: int) -> None:
        self.folder, self.daemon = folder, daemon
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_S)
        eventually(lambda: "processes are up" in daemon.log and listens(port), 2 * START_S, what="the web")
        eventually(lambda: self.http.get("/api/status").json(), START_S, what="the first word of the sink")

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def predict(self, data: bytes, model: str = "m", query: str = "", **headers: str) -> httpx.Response:
        return self.http.post(f"/api/models/{model}/predict{query}", content=data, headers=headers)


def config(folder: Path, port: int, web: str = "", cameras: str = "") -> str:
    models = {"m": colour_model(folder / "m.onnx"), "fails": failing_model(folder / "f.onnx")}
    listed = "".join(f"  {name}: {{path: {path}}}\n" for name, path in models.items())
    return f"""
cameras:
  door: {{source: "scene:?fps=10&size=320x180", models: [m]}}
{cameras}
models:
{listed}
web: {{enabled: true, listen: "127.0.0.1:{port}"{web}}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder, port = tmp_path_factory.mktemp("web"), free_port()
    gone = '  gone: {source: "rtsp://127.0.0.1:1/x", models: [m]}'
    with running(folder, config(folder, port, cameras=gone, web=", max_bytes: 2MB, max_pixels: 1000000")) as daemon:
        eventually(lambda: daemon.lines() and listens(port), 2 * START_S, what="results and the page")
        with Site(folder, daemon, port) as site:
            yield site
        assert daemon.stop() == 0
        accounts(daemon.lines())


def picture(form: str = "JPEG", colour: tuple[int, int, int] = RED, size: tuple[int, int] = (96, 64)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_a_picture_of_any_kind_is_looked_at(site: Site, form: str) -> None:
    answer = site.predict(picture(form))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["model"], body["width"], body["height"]) == ("m", 96, 64)
    (one,) = body["detections"]
    assert one["class_name"] == "person"
    assert set(body["timing_ms"]) <= {"wait", "decode", "preprocess", "infer", "postprocess"}


def test_a_form_is_as_good_as_a_body(site: Site) -> None:
    data = picture()
    form = site.http.post("/api/models/m/predict", files={"file": ("a.jpg", data, "image/jpeg")}).json()
    found = site.predict(data).json()["detections"]
    assert form["detections"] == found
    text = base64.b64encode(data).decode()
    assert site.http.post("/api/models/m/predict", json={"image": text}).json()["detections"] == found
    several = site.http.post("/api/models/m/predict", json={"images": [text] * 3}).json()
    assert [one["detections"] for one in several["results"]] == [found] * 3
    drawn = site.http.post("/api/models/m/predict", json={"image": text}, headers={"Accept": "image/png"})
    assert drawn.content.startswith(b"\x89PNG")
    refused = site.http.post("/api/models/m/predict", json={"images": [text]}, headers={"Accept": "image/png"})
    assert refused.status_code == 422
    wrong = site.http.post("/api/models/m/predict", json={"images": [text, "AAAA"]})
    assert (wrong.status_code, "images[1]" in wrong.text) == (415, True)


@pytest.mark.parametrize(("accept", "form"), [("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/webp", "WEBP")])
def test_red_stays_red_in_the_annotated_picture(site: Site, accept: str, form: str) -> None:
    answer = site.predict(picture(), Accept=accept)
    assert answer.headers["content-type"] == accept
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, image.size) == (form, (96, 64))
    red, green, blue = image.convert("RGB").getpixel((48, 50))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60


def test_what_is_wanted_of_the_findings(site: Site) -> None:
    assert len(site.predict(picture(), query="?confidence=0.95").json()["detections"]) == 0
    assert len(site.predict(picture(), query="?confidence=0.5&classes=person").json()["detections"]) == 1
    none = site.predict(picture(), query="?confidence=0.95").json()
    assert none["surest"] == {"class_id": 0, "class_name": "person", "confidence": pytest.approx(0.9, abs=0.01)}
    assert "surest" not in site.predict(picture()).json()
    typo = site.predict(picture(), query="?classes=person,persom")
    assert typo.status_code == 422
    assert typo.json()["detail"] == (
        "unknown-class: `classes` names 'persom', which the model does not have: did you mean person?"
    )
    assert "persom" not in site.daemon.log
    assert site.predict(picture(), query="?confidence=2").status_code == 422
    assert site.predict(picture(), query="?max_detections=0").status_code == 422


def test_a_turned_jpeg_is_upright(site: Site) -> None:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (96, 64), RED).save(file, "JPEG", exif=exif)
    body = site.predict(file.getvalue()).json()
    assert (body["width"], body["height"]) == (64, 96)


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"hello", 415, "not a picture in a supported format"),
        (b"", 422, "there is no picture"),
        (picture("PNG", size=(1001, 1000)), 413, "too large"),
        (bytes(3 << 20), 413, "the limit is"),
        (picture()[:200], 415, "damaged"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_with_a_sentence(site: Site, data: bytes, code: int, says: str) -> None:
    answer = site.predict(data)
    assert answer.status_code == code
    assert says in answer.json()["detail"]


def test_a_model_that_fails_says_so_and_one_that_is_not_there(site: Site) -> None:
    failed = site.predict(picture(colour=(255, 255, 255), size=(64, 64)), model="fails")
    assert failed.status_code == 500
    assert failed.json()["detail"].startswith("model-error: ")
    unknown = site.predict(picture(), model="nothing")
    assert unknown.status_code == 404
    assert "there are m, fails" in unknown.json()["detail"]


def test_many_at_once_get_their_own_answers(site: Site) -> None:
    def ask(number: int) -> bool:
        size = (50 + number, 40)
        with httpx.Client(base_url=site.http.base_url, timeout=START_S) as http:
            body = http.post("/api/models/m/predict", content=picture("PNG", size=size)).json()
            return (body["width"], body["height"]) == size

    with ThreadPoolExecutor(16) as people:
        assert all(people.map(ask, range(100)))


def test_cameras_and_how_they_stand(site: Site) -> None:
    listed = {camera["name"]: camera for camera in site.http.get("/api/cameras").json()}
    assert list(listed) == ["door", "gone"]
    assert listed["door"]["state"] == "up"
    assert site.http.get("/api/cameras/gone").json()["state"].startswith("down")
    assert site.http.get("/api/cameras/nobody").status_code == 404
    health = site.http.get("/healthz")
    assert health.status_code == 503
    assert any("camera gone is down" in trouble for trouble in health.json()["troubles"])
    assert site.http.get("/api/models").json() == ["m", "fails"]


def test_a_frame_and_a_stream_of_them(site: Site) -> None:
    frame = site.http.get("/api/cameras/door/frame.jpg")
    assert frame.headers["content-type"] == "image/jpeg"
    bgr = cv2.imdecode(np.frombuffer(frame.content, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    assert bgr.shape == (180, 320, 3)
    data = b""
    with site.http.stream("GET", "/api/cameras/door/stream.mjpg") as stream:
        for chunk in stream.iter_raw():
            data += chunk
            if data.count(b"--frame") > 3:
                break
    assert data.count(b"Content-Type: image/jpeg") >= 3


def test_results_as_events_and_those_that_were_missed(site: Site) -> None:
    def some(count: int, **headers: str) -> list[tuple[int, dict[str, object]]]:
        found: list[tuple[int, dict[str, object]]] = []
        with site.http.stream("GET", "/api/results?camera=door&model=m", headers=headers) as stream:
            number = 0
            for line in stream.iter_lines():
                if line.startswith("id: "):
                    number = int(line.removeprefix("id: "))
                elif line.startswith("data: "):
                    found.append((number, json.loads(line.removeprefix("data: "))))
                    if len(found) == count:
                        break
        return found

    first = some(3)
    assert all(result["camera"] == "door" for _, result in first)
    again = some(3, **{"Last-Event-ID": str(first[0][0])})
    assert again[:2] == first[1:]


def test_metrics(site: Site) -> None:
    site.predict(picture())
    text = site.http.get("/metrics").text
    assert 'edge_daemon_frames_total{camera="door",fate="delivered",model="m"}' in text
    assert 'edge_daemon_camera_up{camera="gone"} 0.0' in text
    assert 'edge_daemon_stage_seconds_count{camera="door",model="m",stage="infer"}' in text
    assert 'edge_daemon_request_seconds_count{model="m",status="200"}' in text
    assert 'edge_daemon_process_restarts_total{process="sink",role="sink"} 0.0' in text


def test_prometheus_finds_nothing_wrong_with_them(site: Site) -> None:
    require_component("promtool")
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=site.http.get("/metrics").content, capture_output=True, check=False
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def test_people_who_come_and_go_leave_nothing(site: Site) -> None:
    """Each opens a stream, and hangs up before, within, or after its first frame."""
    web = site.daemon.processes()["web"]

    def visit(number: int) -> None:
        with socket.create_connection(("127.0.0.1", site.http.base_url.port or 0), START_S) as line:
            line.sendall(b"GET /api/cameras/door/stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(number % 4):
                line.recv(4096)

    def visits(count: int) -> tuple[int, int]:
        with ThreadPoolExecutor(20) as people:
            list(people.map(visit, range(count)))
        eventually(lambda: len(web.net_connections()) <= quiet, START_S, what="closed lines")
        return web.num_fds(), web.memory_full_info().uss

    site.http.get("/healthz")
    quiet = len(web.net_connections())
    for _ in range(3):
        fds, memory = visits(200)
    more_fds, more_memory = visits(300)
    assert more_fds <= fds + 5
    assert more_memory <= memory + 4e6


def imported(folder: Path, start: str) -> set[str]:
    """The modules of the page that one needs, and itself."""
    found, following = set[str](), [start]
    while following:
        if (name := following.pop()) not in found:
            found.add(name)
            following += re.findall(r'from "\./([\w.]+)"', (folder / name).read_text())
    return found


def test_the_page_needs_nothing_from_elsewhere_and_is_small(site: Site) -> None:
    page, docs = site.http.get("/"), site.http.get("/docs")
    assert "page/docs.js" in docs.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    folder = CHECKOUT / "edge_daemon" / "web" / "page"
    parts = [site.http.get(f"/page/{one.name}") for one in folder.iterdir() if one.suffix in (".js", ".css", ".svg")]
    assert all(part.status_code == 200 for part in parts)
    assert sum(int(part.headers["content-length"]) for part in (page, docs, *parts)) < 150_000
    text = "".join(part.text for part in (page, docs, *parts))
    assert "://" not in text.replace("http://www.w3.org/", "").replace("rtsp://", "")
    for html, start in ((page.text, "main.js"), (docs.text, "docs.js")):
        assert set(re.findall(r'modulepreload" href="page/([\w.]+)"', html)) == imported(folder, start) - {start}
    assert site.http.get("/page/../app.py").status_code == 404
    assert site.http.get("/page/%2e%2e%2fapp.py").status_code == 404


def test_another_name_is_not_answered_to(site: Site) -> None:
    assert site.http.get("/api/status", headers={"Host": "evil.example"}).status_code == 421
    assert site.http.get("/api/status", headers={"Host": "localhost:1"}).status_code == 200


@pytest.mark.long
def test_whoever_dies_everybody_is_answered(tmp_path: Path) -> None:
    port = free_port()
    slow_model(tmp_path / "slow.onnx", 30)
    told = config(tmp_path, port).replace("models:\n  m:", "models:\n  slow: {path: slow.onnx, workers: 2}\n  m:")
    with (
        running(tmp_path, told) as daemon,
        Site(tmp_path, daemon, port) as site,
        ThreadPoolExecutor(8) as people,
    ):
        eventually(daemon.lines, START_S, what="results")
        asked = [people.submit(site.predict, picture("PNG", size=(60 + n, 40)), "slow") for n in range(120)]
        for title in ("worker slow-0", "dispatcher", "sink"):
            daemon.kill(title)
        wait([one for one in asked if one.running()], START_S)  # what two workers die of is set aside
        daemon.kill("worker slow-1")
        answers = [one.result(60) for one in asked]
        assert {answer.status_code for answer in answers} == {200}
        assert [answer.json()["width"] for answer in answers] == [60 + n for n in range(120)]
        daemon.kill("web")
        eventually(lambda: _answers(site), START_S)
        assert daemon.stop() == 0
    accounts(daemon.lines())


def _answers(site: Site) -> bool:
    try:
        return site.predict(picture()).status_code == 200
    except httpx.TransportError:
        return False


def test_too_many_and_too_slow_are_told_to_come_again(tmp_path: Path) -> None:
    port = free_port()
    slow_model(tmp_path / "slow.onnx", 400)
    told = config(tmp_path, port, web=", max_waiting: 2, timeout: 5s")
    told = told.replace("models:\n  m:", "models:\n  slow: {path: slow.onnx}\n  m:")
    with (
        running(tmp_path, told) as daemon,
        Site(tmp_path, daemon, port) as site,
        ThreadPoolExecutor(8) as people,
    ):
        eventually(daemon.lines, START_S, what="results")
        answers = list(people.map(lambda _: site.predict(picture(), "slow"), range(8)))
        assert {answer.status_code for answer in answers} == {200, 503}
        refused = [answer for answer in answers if answer.status_code == 503]
        assert all(answer.headers["retry-after"] == "1" for answer in refused)
        assert any("wait for model slow" in answer.json()["detail"] for answer in refused)
        eventually(lambda: site.predict(picture(), "slow").status_code == 200, START_S)
        assert daemon.stop() == 0


def test_an_upload_waits_for_its_turn_to_be_decoded_no_longer_than_for_an_answer(tmp_path: Path) -> None:
    port = free_port()
    with (
        running(tmp_path, config(tmp_path, port, web=", timeout: 1s")) as daemon,
        Site(tmp_path, daemon, port) as site,
        ThreadPoolExecutor(1) as people,
    ):
        web = daemon.processes()["web"]
        waiting = people.submit(site.predict, picture())
        (decoder,) = eventually(lambda: children_like("decoder", web), START_S, every_s=0.001)
        decoder.suspend()  # while it starts
        answer = waiting.result()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"] == "too many pictures wait to be decoded"
        decoder.resume()
        eventually(lambda: site.predict(picture()).status_code == 200, START_S)
        assert daemon.stop() == 0


def test_a_reload_brings_cameras_models_and_the_web_itself(tmp_path: Path) -> None:
    port = free_port()
    without = config(tmp_path, port).replace("enabled: true", "enabled: false")
    with running(tmp_path, without) as daemon:
        eventually(daemon.lines, START_S, what="results")
        assert "web" not in daemon.processes()
        assert daemon.reload(config(tmp_path, port)).returncode == 0
        with Site(tmp_path, daemon, port) as site:
            eventually(lambda: _answers(site), START_S)
            pid = daemon.processes()["web"].pid
            more = '  yard: {source: "scene:?fps=10&size=320x180&seed=5", models: [m]}'
            told = config(tmp_path, port, cameras=more).replace("fails:", "other:")
            done = daemon.reload(told)
            assert done.returncode == 0, done.stderr
            assert site.http.get("/api/models").json() == ["m", "other"]
            eventually(lambda: site.http.get("/api/cameras/yard").json()["state"] == "up", START_S)
            assert site.http.get("/api/cameras/yard/frame.jpg").status_code == 200
            assert site.predict(picture(), "other").status_code == 200
            assert daemon.processes()["web"].pid == pid, "it was told, and not replaced"
        assert daemon.reload(without).returncode == 0
        assert "web" not in daemon.processes()
        assert daemon.stop() == 0


def test_an_inference_client_that_knows_nothing_of_us(site: Site) -> None:
    client = InferenceServerClient(f"127.0.0.1:{site.http.base_url.port}")
    try:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("m")
        told = client.get_model_metadata("m")
        assert [one["name"] for one in told["inputs"]] == ["image"]
        file = InferInput("image", [1], "BYTES")
        file.set_data_from_numpy(np.array([picture()], object))
        pixels = InferInput("image", [64, 96, 3], "UINT8")
        pixels.set_data_from_numpy(np.full((64, 96, 3), RED, np.uint8))
        for asked in (file, pixels):
            for binary in (True, False):
                names = ["xyxy", "confidence", "class_name", "class_id"]
                outputs = [InferRequestedOutput(name, binary_data=binary) for name in names]
                found = client.infer("m", [asked], outputs=outputs, request_id="7")
                assert found.get_response()["id"] == "7"
                assert found.as_numpy("xyxy").shape == (1, 4)
                assert found.as_numpy("confidence")[0] == pytest.approx(0.9, abs=0.01)
                (name,) = found.as_numpy("class_name")
                assert name in (b"person", "person")
        with pytest.raises(InferenceServerException, match="no model nothing"):
            client.infer("nothing", [file])
    finally:
        client.close()


def test_what_is_wrong_with_an_inference_request(site: Site) -> None:
    def infer(body: bytes, **headers: str) -> httpx.Response:
        return site.http.post("/v2/models/m/infer", content=body, headers=headers)

    pixels = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 3], "data": [1, 2, 3, 4, 5, 6]}
    assert infer(json.dumps({"inputs": [pixels]}).encode()).status_code == 200
    for wrong in (
        b"",
        b"{",
        b"\xff",
        json.dumps({"inputs": []}).encode(),
        json.dumps({"inputs": [pixels | {"name": "x"}]}).encode(),
        json.dumps({"inputs": [pixels | {"shape": [2, 2, 3]}]}).encode(),
        json.dumps({"inputs": [pixels | {"data": [1, 2, 3, 4, 5, 999]}]}).encode(),
        json.dumps({"inputs": [pixels | {"datatype": "FP32"}]}).encode(),
        json.dumps({"inputs": [pixels], "outputs": [{"name": "masks"}]}).encode(),
        json.dumps({"inputs": [pixels | {"parameters": {"binary_data_size": 6}}]}).encode(),
    ):
        refused = infer(wrong)
        assert refused.status_code == 400, wrong
        assert refused.json()["error"]
    assert infer(b"{}", **{"Inference-Header-Content-Length": "99"}).status_code == 400
    text = {"name": "image", "datatype": "BYTES", "shape": [1], "data": ["no picture"]}
    assert infer(json.dumps({"inputs": [text]}).encode()).status_code == 415


def test_tokens_a_prefix_and_tls(tmp_path: Path) -> None:
    token, port = new_token(), free_port()
    certificate, key = self_signed(tmp_path)
    more = f", tokens: {{office: '{digest(token)}'}}, prefix: /cams, certificate: {certificate}, key: {key}"
    with running(tmp_path, config(tmp_path, port, web=more)) as daemon:
        eventually(lambda: listens(port), 2 * START_S, what="the web")
        trusting = ssl.create_default_context(cafile=str(certificate))
        with httpx.Client(base_url=f"https://127.0.0.1:{port}/cams", timeout=START_S, verify=trusting) as http:
            assert http.get("/").status_code == 200
            assert http.get("/page/main.js").status_code == 200
            eventually(lambda: http.get("/healthz").json() == {"healthy": True}, START_S)
            for path in ("/api/status", "/api/cameras", "/metrics", "/openapi.json", "/v2/models/m", "/api/results"):
                refused = http.get(path)
                assert refused.status_code == 401, path
                assert refused.headers["www-authenticate"] == "Bearer"
            assert http.post("/api/models/m/predict", content=picture()).status_code == 401
            bearer = {"Authorization": f"Bearer {token}"}
            assert http.get("/api/status", headers=bearer).status_code == 200
            assert "troubles" in http.get("/healthz", headers=bearer).json()
            assert http.post("/api/login", json={"token": "wrong"}).status_code == 401
            assert http.post("/api/login", content=b"{").status_code == 422
            cookie = http.post("/api/login", json={"token": token}).headers["set-cookie"]
            assert token not in cookie
            assert all(word in cookie.lower() for word in ("httponly", "samesite=strict", "secure"))
            assert http.post("/api/models/m/predict", content=picture()).status_code == 200
            session = cookie.partition(";")[0]
            url = f"https://127.0.0.1:{port}/cams/api/status"

            def elsewhere() -> int:
                others = {"Cookie": f'grafana={{"a": 1}}; {session}'}
                return httpx.get(url, headers=others, verify=trusting).status_code

            assert elsewhere() == 200
            evil = {"Origin": "https://evil.example"}
            assert http.post("/api/models/m/predict", content=picture(), headers=evil).status_code == 403
            daemon.kill("web")
            eventually(lambda: _status(http, "/healthz") == 200, START_S)
            assert elsewhere() == 200, "sessions survive the web"
            http.post("/api/logout")
            assert http.get("/api/status").status_code == 401
            assert elsewhere() == 401, "it has ended, whoever has its number"
        assert token not in daemon.log
        assert daemon.stop() == 0


def _status(http: httpx.Client, path: str) -> int:
    try:
        return http.get(path).status_code
    except httpx.TransportError:
        return 0


def test_who_hangs_up_frees_a_place(tmp_path: Path) -> None:
    port = free_port()
    slow_model(tmp_path / "slow.onnx", 120)
    told = config(tmp_path, port, web=", max_waiting: 3").replace(
        "models:\n  m:", "models:\n  slow: {path: slow.onnx}\n  m:"
    )
    with (
        running(tmp_path, told) as daemon,
        Site(tmp_path, daemon, port) as site,
        ThreadPoolExecutor(3) as people,
    ):

        def impatient(_: int) -> None:
            with (
                httpx.Client(base_url=site.http.base_url, timeout=0.06) as http,
                pytest.raises(httpx.ReadTimeout),
            ):
                http.post("/api/models/slow/predict", content=picture())

        for _ in range(3):
            list(people.map(impatient, range(3)))
            eventually(lambda: site.predict(picture(), "slow").status_code == 200, START_S)
        assert daemon.stop() == 0
