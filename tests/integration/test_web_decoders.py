"""Pictures of strangers are decoded in processes that they cannot hurt, within limits of work, memory and time."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import pytest
from PIL import Image

from edge_daemon.imaging.pictures import PEAK_BYTES
from edge_daemon.web.decoder import CPU_S, NICE, SPARE_BYTES
from edge_daemon.web.decoders import COUNT, IDLE_S, MISMATCH, Decoders, RefusedError
from tests.acceptance.harness import START_S
from tests.processes import children_like
from tests.progressive import progressive
from tests.uploads import MAX_BYTES, MAX_PIXELS, NOISE, Result, file, pixels, task
from tests.waiting import eventually

T = TypeVar("T")


def run(steps: Callable[[Decoders], Awaitable[T]], *, limit_s: float = 30.0, max_pixels: int = MAX_PIXELS) -> T:
    """Run some steps with decoders."""

    async def all_of_it() -> T:
        with closing(Decoders(max_pixels, MAX_BYTES, limit_s)) as decoders:
            return await steps(decoders)

    return asyncio.run(all_of_it())


def children() -> list[psutil.Process]:
    return children_like("edge-daemon: decoder")


def test_what_takes_too_long_ends_with_its_process_and_the_next_picture_is_decoded() -> None:
    async def steps(decoders: Decoders) -> Result:
        await decoders.decode(task(), file("PNG"))
        (before,) = children()
        before.suspend()
        began = time.monotonic()
        with pytest.raises(RefusedError, match="takes longer than 2 s to decode"):
            await decoders.decode(task(), file("PNG"))
        assert 2 <= time.monotonic() - began < 15
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
    large = file("PNG", Image.new("RGB", (8000, 7500)))

    async def steps(decoders: Decoders) -> Result:
        await decoders.decode(task(), file("PNG"))
        (child,) = children()
        used_s = child.cpu_times().user
        decoding = asyncio.ensure_future(decoders.decode(task(), large))
        await asyncio.to_thread(eventually, lambda: child.cpu_times().user > used_s + 0.02, START_S)
        child.send_signal(number)
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


def test_limits_of_memory_and_time() -> None:
    max_pixels = 1_000_000

    async def steps(decoders: Decoders) -> None:
        await decoders.decode(task(), file("PNG"))
        (child,) = children()
        memory, _ = child.rlimit(psutil.RLIMIT_AS)
        assert 0 < memory - child.memory_info().vms < SPARE_BYTES + PEAK_BYTES * max_pixels + 11 * MAX_BYTES
        assert 0 < child.rlimit(psutil.RLIMIT_CPU)[0] <= CPU_S + sum(child.cpu_times()[:2]) + 1
        assert child.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        assert child.nice() == os.nice(0) + NICE

    run(steps, max_pixels=max_pixels)


def test_it_inherits_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nenv > {tmp_path}/environment\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("DOOR_PASSWORD", "hunter2")
    run(lambda decoders: decoders.decode(task(), file("PNG")))
    environment = (tmp_path / "environment").read_text()
    assert "PATH=" in environment
    assert "hunter2" not in environment


OTHERS = ("WEBP", "AVIF", "GIF", "TIFF")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", *(pytest.param(kind, marks=pytest.mark.long) for kind in OTHERS)])
def test_decoding_takes_so_much_memory_a_pixel_and_gives_it_back(kind: str) -> None:
    side = 4000
    image = Image.new("RGBA" if kind not in ("GIF", "JPEG") else "L", (side, side))
    options: dict[str, Any] = {"JPEG": {"progressive": True}, "TIFF": {"compression": "tiff_lzw"}}
    data = file(kind, image, **options.get(kind, {}))

    async def steps(decoders: Decoders) -> None:
        await decoders.decode(task(), file(kind))
        (child,) = children()
        before = child.memory_info().rss
        for _ in range(2):
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


LIAR = """
import os, socket, sys
import msgspec
from edge_daemon.web.tasks import READY, Decoded

web = socket.socket(fileno=int(sys.argv[-3]))
web.send(READY)
reply = msgspec.msgpack.encode(Decoded(width=64, height=48))
while socket.recv_fds(web, 1 << 16, 1)[0]:
    if sys.argv[1] == "noise":
        web.send(bytes(range(200, 256)))
    elif sys.argv[1] == "nothing":
        web.send(reply)
    else:  # pixels that it may still change
        file = os.memfd_create("pixels", os.MFD_ALLOW_SEALING)
        os.ftruncate(file, 64 * 48 * 3)
        socket.send_fds(web, [reply], [file])
"""


@pytest.mark.parametrize("lie", ["noise", "nothing", "unsealed"])
def test_a_process_that_answers_what_it_may_not_is_not_believed(
    lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "liar.py").write_text(LIAR)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/liar.py {lie} "$@"\n')
    python.chmod(0o700)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setattr(sys, "executable", str(python))

    async def steps(decoders: Decoders) -> tuple[int, str]:
        with pytest.raises(RefusedError) as caught:
            await decoders.decode(task(), file("PNG"))
        return caught.value.status, str(caught.value)

    assert run(steps) == (415, MISMATCH)


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
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, START_S)
