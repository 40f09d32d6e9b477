"""What every test may ask for."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.components import require_component, skipped_without
from tests.rtsp import RtspServer

CHECKOUT = Path(__file__).resolve().parent.parent
ACCEPTANCE = Path(__file__).with_name("acceptance")

# Tests start Python some thousand times: without cached bytecode each process compiles its modules, and each worker of
# pytest rewrites the assertions of all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests import ONNX Runtime themselves; its wheels report to their maker unless told not to before the import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# No deadlines and no complaint about slow generation: both measure the machine, which others may be using.
settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", settings.get_profile("quick"), max_examples=15)
settings.register_profile("ci", settings.get_profile("quick"), print_blob=True)
settings.register_profile("long", settings.get_profile("ci"), max_examples=3000)
_DEFAULT_PROFILE = "ci" if os.environ.get("CI", "").lower() == "true" else "quick"
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", _DEFAULT_PROFILE))


TEMPORARY = pytest.StashKey[str]()
"""The folder of temporary files, where it is our own."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep the paths of temporary files short, since daemons make sockets there: theirs may have 107 bytes only."""
    if config.option.basetemp is None:
        config.option.basetemp = config.stash[TEMPORARY] = tempfile.mkdtemp(prefix="ed-")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Search no garbage among modules and tests, which all stay: each search would look at all of them again."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--long`: only tests that take long, which are left out otherwise."""
    parser.addoption("--long", action="store_true", help="run the tests marked `long`, and only those")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what lies in tests/acceptance, for `-m acceptance` and `-m "not acceptance"`, and leave out what takes long,
    or all else.
    """
    others = [item for item in items if ("long" in item.keywords) != config.getoption("--long")]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if ("long" in item.keywords) == config.getoption("--long")]
    for item in items:
        if item.path.is_relative_to(ACCEPTANCE):
            item.add_marker("acceptance")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Remove temporary files, unless a test failed or --basetemp was given, and name missing components at the end."""
    yield
    if exitstatus == pytest.ExitCode.OK and TEMPORARY in session.config.stash:
        shutil.rmtree(session.config.stash[TEMPORARY], ignore_errors=True)
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if terminal and (line := skipped_without(report.longrepr[2] for report in terminal.getreports("skipped"))):
        terminal.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _usual_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give programs that tests start the usual umask and reactions to signals, also under `nohup`, and a folder for
    their state that goes with the test.

    A signal that is ignored stays ignored in a child; one with a handler does not. So these do nothing here, and have
    their default effect there.
    """
    os.umask(0o022)
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures, clips and models beside the checkout, or EDGE_DAEMON_SHARED_DATA."""
    folder = Path(os.environ.get("EDGE_DAEMON_SHARED_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; EDGE_DAEMON_SHARED_DATA can name another folder")
    return folder


@pytest.fixture
def start_rtsp() -> Iterator[Callable[[RtspServer], RtspServer]]:
    """Start a `tests.rtsp.RtspServer` and give it back, ready for clients; it ends with the test."""
    require_component("rtsp-server")
    with ExitStack() as servers:

        def start(server: RtspServer) -> RtspServer:
            servers.callback(server.stop)
            server.start()
            return server

        yield start


@pytest.fixture
def rtsp_url(start_rtsp: Callable[[RtspServer], RtspServer]) -> str:
    """A live RTSP camera: 640x360 at 15 fps, H.264, a key frame a second."""
    return start_rtsp(RtspServer()).url
