"""Pictures of strangers are decoded in processes that they cannot hurt, within limits of work, memory and time."""

import asyncio
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import psutil
import pytest
from PIL import Image

from edge_daemon.imaging.pictures import PEAK_BYTES, read_bgr
from edge_daemon.messages.frames import Input
from edge_daemon.web.decoder import CPU_S, NICE, SPARE_BYTES
from edge_daemon.web.decoders import COUNT, IDLE_S, Decoders, RefusedError
from edge_daemon.web.inference import OUTPUTS
from edge_daemon.web.tasks import Decoded, Task
from tests.acceptance.harness import START_S
from tests.progressive import progressive
from tests.waiting import eventually

T = TypeVar("T")
MAX_PIXELS, MAX_BYTES = 64_000_000, 32 << 20
NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
Result = tuple[Decoded, memoryview]


def run(steps: Callable[[Decoders], Awaitable[T]], *, limit_s: float = 30.0, max_pixels: int = MAX_PIXELS) -> T:
    """Run some steps with decoders."""

    async def all_of_it() -> T:
        with closing(Decoders(max_pixels, MAX_BYTES, limit_s)) as decoders:
            return await steps(decoders)

    return asyncio.run(all_of_it())


def task(kind: Any = "file", **more: Any) -> Task:
    return Task(kind=kind, **{"max_pixels": MAX_PIXELS, **more})


def decode(data: bytes, kind: str = "file", **more: Any) -> Result:
    return run(lambda decoders: decoders.decode(task(kind, **more), data))


def refused(data: bytes, kind: str = "file", **more: Any) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        decode(data, kind, **more)
    return caught.value.status, str(caught.value)


def pixels(result: Result) -> np.ndarray[Any, Any]:
    described, data = result
    width, height = described.scaled or (described.width, described.height)
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def file(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(NOISE)).save(buffer, kind, **options)
    return buffer.getvalue()


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "edge-daemon: decoder" in " ".join(child.cmdline())]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_pixels_are_those_of_the_reader(kind: str) -> None:
    data = file(kind)
    result = decode(data)
    assert (result[0].width, result[0].height, result[0].scaled) == (64, 48, None)
    assert np.array_equal(pixels(result), read_bgr(data))


@pytest.mark.parametrize(
    ("input", "scaled"),
    [
        (Input(width=320, height=320), (334, 250)),
        (Input(width=100, height=100), (167, 125)),
        (Input(width=333, height=333, stretch=True), (667, 500)),
        (Input(width=224, height=224, crop=256 / 224), (667, 500)),
        (Input(width=2000, height=2000), None),
        (None, None),
    ],
)
def test_a_jpeg_is_no_larger_than_the_model_needs(input: Input | None, scaled: tuple[int, int] | None) -> None:
    image = Image.fromarray(cv2.resize(NOISE, (1334, 1000), interpolation=cv2.INTER_CUBIC))
    result = decode(file("JPEG", image), input=input)
    assert (result[0].width, result[0].height, result[0].scaled) == (1334, 1000, scaled)
    assert pixels(result).shape == ((scaled or (1334, 1000))[1], (scaled or (1334, 1000))[0], 3)
    assert decode(file("PNG", image), input=input)[0].scaled is None


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"", 422, "there is no picture in the request"),
        (b"hello", 415, "not a picture in a supported format"),
        (file("JPEG")[:500], 415, "damaged or incomplete"),
        (file("PNG", Image.new("1", (9000, 9000))), 413, "too large"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(data: bytes, status: int, says: str) -> None:
    found, why = refused(data)
    assert (found, says in why) == (status, True)


# forms and inference requests


def form(*parts: tuple[str, bytes], boundary: bytes = b"xyz") -> bytes:
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (boundary, disposition.encode(), content)
        for disposition, content in parts
    )
    return body + b"--%b--\r\n" % boundary


FORM = {"kind": "form", "content_type": "multipart/form-data; boundary=xyz"}
FILE = 'name="f"; filename="a.png"'


def test_the_file_of_a_form() -> None:
    data = form(('name="note"', b"x" * 100_000), (FILE, file("PNG")), ('name="more"', b""))
    assert np.array_equal(pixels(decode(data, **FORM)), NOISE[..., ::-1])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (form(('name="note"', b"x")), "there is no picture"),
        (form((FILE, b"")), "there is no picture"),
        (form((FILE, b"1"), (FILE, b"2")), "more than one file"),
        (form(*[('name="n"', b"")] * 11, (FILE, b"1")), "more than 10 fields"),
        (b"hello", "cannot be read"),
        (form((FILE, b"1"))[:60], "there is no picture"),
        (b"--xyz\r\nX: " + b"a" * 1_000_000, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_form(data: bytes, says: str) -> None:
    status, why = refused(data, **FORM)
    assert (status, says in why) == (422, True), why


def test_a_form_without_a_boundary() -> None:
    assert refused(form((FILE, b"1")), "form", content_type="multipart/form-data")[0] == 422


def inference(body: dict[str, Any], binary: bytes = b"") -> tuple[bytes, dict[str, Any]]:
    head = json.dumps(body).encode()
    return head + binary, {"kind": "inference", "head_length": len(head) if binary else None}


def tensor(**more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 3], **more}]}


@pytest.mark.parametrize(
    "data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]], [[[1, 2, 3], [4, 5, 6]]], [[[[1, 2, 3, 4, 5, 6]]]]]
)
def test_pixels_as_json(data: Any) -> None:
    body, more = inference(tensor(data=data) | {"id": "7"})
    result = decode(body, **more)
    assert pixels(result).tolist() == [[[3, 2, 1], [6, 5, 4]]]
    assert result[0].asked.id == "7"
    assert result[0].asked.binary == dict.fromkeys(OUTPUTS, False)


def test_pixels_and_files_as_bytes() -> None:
    parameters: dict[str, Any] = {"parameters": {"binary_data_size": 6, "unknown": [{}]}}
    outputs = [{"name": "xyxy", "parameters": {"binary_data": True}}]
    body, more = inference(tensor(**parameters) | {"outputs": outputs}, bytes(6))
    result = decode(body, **more)
    assert pixels(result).tolist() == [[[0, 0, 0], [0, 0, 0]]]
    assert result[0].asked.binary == {"xyxy": True}
    data = file("PNG")
    parameters = {"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(data) + 4}}
    body, more = inference(tensor(**parameters), struct.pack("<I", len(data)) + data)
    assert np.array_equal(pixels(decode(body, **more)), NOISE[..., ::-1])


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        json.dumps(tensor(data=[1, 2, 3])).encode(),
        json.dumps(tensor(data=[[1, 2, 3, 4, 5], 6])).encode(),
        json.dumps(tensor(data=[1, 2, 3, 4, 5, 256])).encode(),
        json.dumps(tensor(data=[1, 2, 3, 4, 5, "6"])).encode(),
        json.dumps(tensor(data=[[]] * 1_000_000)).encode(),
        json.dumps(tensor(shape=[1, 2, 3, 4, 5])).encode(),
        json.dumps(tensor(shape=[1 << 62, 1 << 62, 3])).encode(),
        json.dumps(tensor(parameters={"binary_data_size": True})).encode(),
        json.dumps(tensor() | {"outputs": [{"name": "x" * 100_000}]}).encode(),
        json.dumps({"inputs": tensor()["inputs"] * 100_000}).encode(),
    ],
)
def test_what_is_wrong_with_an_inference_request(body: bytes) -> None:
    status, why = refused(body, "inference")
    assert status == 400
    assert len(why) < 500


def test_pixels_are_limited_as_pictures_are() -> None:
    body, more = inference(tensor(data=[1, 2, 3, 4, 5, 6]))
    assert refused(body, max_pixels=1, **more)[0] == 413


# limits


def test_a_jpeg_that_would_take_minutes_is_refused_before_it_is_decoded() -> None:
    data = progressive(8000, 8000, 2500)
    assert len(data) < 400_000
    began = time.monotonic()
    status, why = refused(data)
    assert (status, why) == (413, "a JPEG of 8000x8000 with 2500 scans takes too long to decode")
    assert time.monotonic() - began < 10


def test_what_takes_too_long_ends_with_its_process_and_the_next_picture_is_decoded() -> None:
    async def steps(decoders: Decoders) -> Result:
        await decoders.decode(task(), file("PNG"))
        (before,) = children()
        before.suspend()
        with pytest.raises(RefusedError, match="takes longer than 2 s to decode"):
            await decoders.decode(task(), file("PNG"))
        assert not before.is_running()
        return await decoders.decode(task(), file("PNG"))

    assert np.array_equal(pixels(run(steps, limit_s=2)), NOISE[..., ::-1])


@pytest.mark.parametrize(
    ("number", "status", "says"),
    [
        (signal.SIGSEGV, 415, "brought down the process that decoded it (SIGSEGV)"),
        (signal.SIGXCPU, 413, "too much time"),
        (signal.SIGKILL, 503, "was killed; try again"),
    ],
)
def test_a_process_that_dies_takes_only_its_own_picture_along(number: signal.Signals, status: int, says: str) -> None:
    async def steps(decoders: Decoders) -> Result:
        await decoders.decode(task(), file("PNG"))
        (child,) = children()
        child.suspend()
        decoding = asyncio.ensure_future(decoders.decode(task(), file("PNG")))
        await asyncio.sleep(0.2)
        child.send_signal(number)
        child.resume()
        with pytest.raises(RefusedError) as caught:
            await decoding
        assert (caught.value.status, says in str(caught.value)) == (status, True)
        return await decoders.decode(task(), file("PNG"))

    assert np.array_equal(pixels(run(steps)), NOISE[..., ::-1])


def test_one_that_died_while_it_was_idle_is_replaced() -> None:
    async def steps(decoders: Decoders) -> None:
        await decoders.decode(task(), file("PNG"))
        (child,) = children()
        child.kill()
        eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, START_S)
        await decoders.decode(task(), file("PNG"))

    run(steps)


def test_limits_of_memory_and_time_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_PASSWORD", "hunter2")
    max_pixels = 1_000_000

    async def steps(decoders: Decoders) -> None:
        await decoders.decode(task(), file("PNG"))
        (child,) = children()
        assert "DOOR_PASSWORD" not in child.environ()
        memory, _ = child.rlimit(psutil.RLIMIT_AS)
        assert 0 < memory - child.memory_info().vms < SPARE_BYTES + PEAK_BYTES * max_pixels + 11 * MAX_BYTES
        assert child.rlimit(psutil.RLIMIT_CPU)[0] <= CPU_S + sum(child.cpu_times()[:2]) + 1
        assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert child.nice() == os.nice(0) + NICE

    run(steps, max_pixels=max_pixels)


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "AVIF", "GIF", "TIFF", "JPEG"])
def test_decoding_takes_so_much_memory_a_pixel_and_gives_it_back(kind: str) -> None:
    side = 4000
    image = Image.new("RGBA" if kind not in ("GIF", "JPEG") else "L", (side, side))
    options: dict[str, Any] = {"JPEG": {"progressive": True}, "TIFF": {"compression": "tiff_lzw"}}
    data = file(kind, image, **options.get(kind, {}))

    async def steps(decoders: Decoders) -> None:
        await decoders.decode(task(), file(kind))
        (child,) = children()
        before = child.memory_info().rss
        await decoders.decode(task(), data)
        assert _peak(child.pid) - before <= PEAK_BYTES * side * side + (8 << 20)
        eventually(lambda: child.memory_info().rss < before + (16 << 20), START_S)

    run(steps)


def _peak(pid: int) -> int:
    """Most memory (bytes) that a process has had."""
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


def test_more_memory_than_there_may_be_is_refused() -> None:
    data = file("PNG", Image.new("RGBA", (6000, 6000)))

    async def steps(decoders: Decoders) -> tuple[int, str]:
        await decoders.decode(task(), file("PNG"))
        (child,) = children()
        limit = child.memory_info().vms + (100 << 20)
        child.rlimit(psutil.RLIMIT_AS, (limit, limit))
        with pytest.raises(RefusedError) as caught:
            await decoders.decode(task(), data)
        assert child.is_running()
        return caught.value.status, str(caught.value)

    assert run(steps) == (413, "the picture takes too much memory to decode")


def test_a_few_at_once_and_none_when_nobody_asks() -> None:
    async def steps(decoders: Decoders) -> None:
        assert children() == []
        results = await asyncio.gather(*(decoders.decode(task(), file("PNG")) for _ in range(20)))
        assert all(np.array_equal(pixels(result), NOISE[..., ::-1]) for result in results)
        assert 1 <= len(children()) <= COUNT
        decoders.end_idle(time.monotonic() + IDLE_S - 1)
        assert children()
        decoders.end_idle(time.monotonic() + IDLE_S + START_S)
        assert children() == []
        await decoders.decode(task(), file("PNG"))

    run(steps)
    assert children() == []


def test_files_of_this_process_are_closed() -> None:
    async def steps(decoders: Decoders) -> None:
        for data in (file("PNG"), b"hello", progressive(8000, 8000, 100)):
            for number in range(20):
                try:
                    await decoders.decode(task(), data)
                except RefusedError:
                    assert data != file("PNG")
                if number == 4:
                    before = psutil.Process().num_fds()
            assert psutil.Process().num_fds() <= before

    run(steps)


STARTED_BY = """
import asyncio, sys
from edge_daemon.web.decoders import Decoders
from edge_daemon.web.tasks import Task

async def main():
    await Decoders(1000000, 1000000, 30.0).decode(Task(kind="file", max_pixels=1000000), sys.stdin.buffer.read())
    print("decoded", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_it_ends_with_the_web_however_that_ends() -> None:
    command = [sys.executable, "-c", STARTED_BY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as web:
        assert web.stdin
        assert web.stdout
        web.stdin.write(file("PNG"))
        web.stdin.close()
        assert web.stdout.readline() == b"decoded\n"
        (child,) = psutil.Process(web.pid).children()
        web.kill()
    eventually(lambda: not child.is_running(), START_S)
