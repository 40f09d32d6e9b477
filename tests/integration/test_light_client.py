"""The client that weighs little: built from this checkout, and used where pyzmq and msgspec alone are installed."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

import edge_daemon
from edge_daemon.messages.outcomes import Timing
from edge_daemon.messages.published import End, Result
from edge_daemon.messages.topics import RESULT
from edge_daemon.transport.zeromq import publisher
from tests.conftest import CHECKOUT
from tools import client_file

CLIENTS = CHECKOUT / "clients"
NEEDED = ("msgspec", "zmq", "pyzmq.libs")
WAIT_S = 60.0


def project(path: Path) -> dict[str, object]:
    return tomllib.loads(path.read_text())["project"]  # type: ignore[no-any-return]


def test_the_files_are_those_of_this_source() -> None:
    advice = "run: python -m tools.client_file"
    assert client_file.CLIENT.read_text() == client_file.client_file(), advice
    assert client_file.TYPES.read_text() == client_file.types_file(), advice


def test_version_and_requirements_are_those_of_the_daemon() -> None:
    light, whole = project(CLIENTS / "python" / "pyproject.toml"), project(CHECKOUT / "pyproject.toml")
    assert light["version"] == whole["version"] == edge_daemon.__version__
    assert light["requires-python"] == whole["requires-python"]
    assert set(light["dependencies"]) < set(whole["dependencies"])  # type: ignore[call-overload]
    assert {one.partition(">")[0] for one in light["dependencies"]} == {"msgspec", "pyzmq"}  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has pyzmq and msgspec, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    installed = Path(zmq.__file__).parents[1]
    for name in NEEDED:
        if (installed / name).exists():
            shutil.copytree(installed / name, packages / name, symlinks=True)
    return folder / "bin" / "python"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, zmq.Socket[bytes]]]:
    with zmq.Context() as context:
        socket = publisher(context)
        socket.bind(where := f"ipc://{tmp_path / 'p'}")
        yield where, socket
        socket.close(0)


def run(python: Path, code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code where this checkout cannot be imported."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(python), "-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {code}", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)


def test_the_one_file_needs_pyzmq_and_msgspec_only(bare: Path, tmp_path: Path) -> None:
    shutil.copy(client_file.CLIENT, tmp_path)
    code = "import edge_daemon_client as c; print(c.__version__, sorted(n for n in sys.modules if n in {others!r}))"
    others = {"edge_daemon", "numpy", "cv2", "pydantic"}
    done = run(bare, code.format(others=others), folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{edge_daemon.__version__} []\n"), done.stderr


def test_results_arrive_as_they_were_sent(bare: Path, tmp_path: Path, address: tuple[str, zmq.Socket[bytes]]) -> None:
    where, socket = address
    shutil.copy(client_file.CLIENT, tmp_path)
    result = Result(
        camera="door",
        model="m",
        epoch=1,
        seq=7,
        captured_at="2026-11-22T10:41:00.123456Z",
        width=4,
        height=2,
        detections=[],
        dropped={"replaced": 1},
        timing_ms=Timing(total=3.0),
        worker="m-0",
    )
    end = End(camera="door", model="m", epoch=1, captured=9, delivered=8, dropped={"replaced": 1})
    code = (
        "from edge_daemon_client import Subscriber; import msgspec; "
        "s = Subscriber(sys.argv[1], timeout_s=30); "
        "print(*(msgspec.json.encode(s.receive()).decode() for _ in range(2)), sep='\\n')"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(bare), "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}", where]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as client:
        assert socket.poll(int(1000 * WAIT_S))
        socket.recv()
        for message in (result, end):
            socket.send_multipart([RESULT.prefix("door"), msgspec.json.encode(message)])
        output, _ = client.communicate(timeout=WAIT_S)
    assert [msgspec.json.decode(line) for line in output.splitlines()] == [
        msgspec.to_builtins(one) for one in (result, end)
    ]


def test_pixels_without_opencv_are_a_sentence(bare: Path, tmp_path: Path) -> None:
    shutil.copy(client_file.CLIENT, tmp_path)
    code = "from edge_daemon_client import AnnotatedFrame; AnnotatedFrame(None, b'').rgb"
    done = run(bare, code, folder=tmp_path)
    assert "PictureError: pixels need OpenCV (pip install opencv-python); `jpeg` does not" in done.stderr


def test_a_package_is_built_that_holds_the_same_file_with_its_types(bare: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--wheel-dir"]
    command = [*pip, str(tmp_path), str(CLIENTS / "python")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
    if built.returncode and "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("hatchling, which builds packages, cannot be downloaded here")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("edge_daemon_client-*.whl")
    with zipfile.ZipFile(wheel) as package:
        package.extractall(tmp_path)
    assert (tmp_path / "edge_daemon_client" / "__init__.py").read_bytes() == client_file.CLIENT.read_bytes()
    assert (tmp_path / "edge_daemon_client" / "py.typed").exists()
    done = run(bare, "from edge_daemon_client import Subscriber; print(Subscriber.__name__)", folder=tmp_path)
    assert done.stdout == "Subscriber\n", done.stderr
