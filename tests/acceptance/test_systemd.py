"""The service as it is installed, under a real systemd: ready when it is, watched, reloaded, stopped, fenced in."""

import json
import os
import re
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_daemon.runtime.cpu_slice import SLICE_NS
from edge_daemon.transport.shared_memory import NAME
from tests.acceptance.harness import START_S, Listener, free_port
from tests.components import missing, require_component
from tests.http_camera import HttpCamera, jpeg, serving
from tests.machine import LINUX, Machine
from tests.onnx_models import slow_model
from tests.waiting import eventually

CHECKOUT = Path(__file__).resolve().parents[2]
DEPENDENCIES = Path(sysconfig.get_path("purelib"))
EXPOSURE = 1.5
WATCHDOG_S = 6
CONFIG = "/etc/edge-daemon/config.yaml"
DROP_IN = "/etc/systemd/system/edge-daemon.service.d/watchdog.conf"
OURS = re.compile(r"/(run|var/lib)/edge-daemon(/|$)|/run/credentials/edge-daemon\.service(/|$)")
"""Where the service's user may have files."""


def install(destination: Path, *arguments: str, **environment: str) -> str:
    """Run the installer as `make install` and `make uninstall` do; what it says."""
    command = ["bash", str(CHECKOUT / "tools" / "install.sh"), *arguments]
    env = os.environ | {"DESTDIR": str(destination)} | environment
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)
    if "package index cannot be reached" in done.stderr:
        missing("needs Python packages from an index")
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder below which the service is installed."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        pytest.skip("needs root, and leave to make namespaces")
    require_component("systemd-machine")
    destination = tmp_path_factory.mktemp("installed")
    install(destination, PYTHONPATH=str(DEPENDENCIES))
    (packages,) = destination.glob("opt/edge-daemon/lib/python*/site-packages")
    for place in DEPENDENCIES.iterdir():  # those that this checkout has: to fetch and compile them takes half a minute
        if "edge_daemon" in place.name or (packages / place.name).exists():
            continue
        if place.is_dir():
            shutil.copytree(place, packages / place.name, copy_function=link_or_copy)
        else:
            link_or_copy(place, packages / place.name)
    return destination


def link_or_copy(source: Path | str, destination: Path | str) -> None:
    """Have a file at another place too; a copy if that is on another disk."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)


class Service:
    """The service on a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self._since = f"{time.time():.6f}"

    def configure(self, cameras: str, busy_ms: float = 1.0) -> None:
        """Write its configuration: `cameras` in YAML, and a model that takes `busy_ms`."""
        model = f"takes-{busy_ms:g}-ms.onnx"
        if not (self.machine.folder / model).exists():  # a file that is written anew is another model to a reload
            slow_model(self.machine.folder / model, busy_ms)
        text = f"cameras: {cameras}\nmodels: {{m: {{path: /mnt/{model}}}}}\npublish: {{bind: ['{self.address}']}}\n"
        self.machine.write(CONFIG, text, "0640", "root:edge-daemon")

    @contextmanager
    def changed(self, lines: str) -> Iterator[None]:
        """Lines of the unit's [Service] are different for a while."""
        self.machine.write(DROP_IN, f"[Service]\n{lines}\n")
        self.machine.run("systemctl", "daemon-reload")
        try:
            yield
        finally:
            self.machine.run("rm", DROP_IN)
            self.machine.run("systemctl", "daemon-reload")

    def show(self, *names: str) -> list[str]:
        """Properties of the unit."""
        said = self.machine.run("systemctl", "show", "edge-daemon", *(f"--property={name}" for name in names)).stdout
        found = dict(line.split("=", 1) for line in said.splitlines())
        return [found[name] for name in names]

    @property
    def state(self) -> str:
        return self.show("ActiveState")[0]

    @property
    def journal(self) -> list[dict[str, Any]]:
        """What it has logged since its test began. Of a process that ends at once the journal may not know the unit."""
        self.machine.run("journalctl", "--sync")
        ours = ("UNIT=edge-daemon.service", "+", "SYSLOG_IDENTIFIER=edge-daemon")
        said = self.machine.run("journalctl", "--output=json", f"--since=@{self._since}", *ours).stdout
        return [json.loads(line) for line in said.splitlines()]

    def logged(self, text: str) -> bool:
        return any(text in str(entry["MESSAGE"]) for entry in self.journal)

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.machine.run("systemctl", "start", "edge-daemon")

    def stop(self) -> None:
        self.machine.run("systemctl", "stop", "edge-daemon", check=False)
        self.machine.run("systemctl", "reset-failed", "edge-daemon", check=False)

    def pids(self, title: str = "") -> list[str]:
        """Of its processes, or of those with a title that begins so."""
        return self.machine.run("pgrep", "-f", f"^edge-daemon: {title}", check=False).stdout.split()

    def files(self) -> set[str]:
        """All that belongs to its user, wherever it can be written to."""
        places = ("/", "/run", "/tmp", "/var", "/dev/shm")
        # Some go away while they are looked at.
        found = self.machine.run("find", *places, "-xdev", "-user", "edge-daemon", check=False)
        return set(found.stdout.splitlines())

    def up(self, cameras: str) -> None:
        """Wait until systemd was told that these cameras are up (`1 of 2 cameras`)."""
        eventually(
            lambda: self.show("StatusText")[0].startswith(f"{cameras} up"), START_S, what=f"{cameras} up", every_s=0.1
        )


@pytest.mark.long
def test_an_upgrade_keeps_the_configuration_and_leaves_no_older_program(installed: Path, tmp_path: Path) -> None:
    there = tmp_path / "copy"
    shutil.copytree(installed, there, symlinks=True, copy_function=link_or_copy)
    config, stale = there / "etc/edge-daemon/config.yaml", there / "opt/edge-daemon/stale"
    assert config.read_text() == (CHECKOUT / "configs/demo.yaml").read_text()
    config.unlink()
    config.write_text("mine")
    stale.touch()
    install(there, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=str(DEPENDENCIES))
    assert config.read_text() == "mine"
    assert not stale.exists()
    assert sorted(path.name for path in (there / "opt").iterdir()) == ["edge-daemon"]

    install(there, "--remove")
    files = [str(path.relative_to(there)) for path in there.rglob("*") if not path.is_dir()]
    assert files == ["etc/edge-daemon/config.yaml"]
    install(there, "--remove", PURGE="1")
    assert not [path for path in there.rglob("*") if not path.is_dir()]


def test_an_upgrade_that_fails_changes_nothing(installed: Path, tmp_path: Path) -> None:
    there = tmp_path / "copy"
    shutil.copytree(installed, there, symlinks=True, copy_function=link_or_copy)
    command = ["bash", str(CHECKOUT / "tools" / "install.sh")]
    env = os.environ | {"DESTDIR": str(there), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "pip could not install the packages" in done.stderr
    assert (there / "opt/edge-daemon/bin/edge-daemon").exists()


def extras(folder: Path, extra: str) -> subprocess.CompletedProcess[str]:
    """The extra that an installation with EXTRAS=`extra` has, which it remembers in a file of `folder`."""
    script = f"""
set -eu; name=install; cd {CHECKOUT}; . tools/apt.sh; . tools/venv.sh; . tools/extras.sh
extra=$(wanted_extra {folder}/extras)
remember_extra "$extra" {folder}/extras
echo "$extra $(package_of "$extra")"
"""
    env = os.environ | {"EXTRAS": extra}
    return subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)


def test_an_upgrade_keeps_the_extra_that_was_chosen_once(tmp_path: Path) -> None:
    assert extras(tmp_path, "").stdout == "none onnxruntime\n"
    assert extras(tmp_path, "gpu").stdout == "gpu onnxruntime-gpu\n"
    assert extras(tmp_path, "").stdout == "gpu onnxruntime-gpu\n", "an upgrade"
    wrong = extras(tmp_path, "gup")
    assert wrong.returncode == 1
    assert "there is no extra 'gup'; there are gpu (CUDA, TensorRT), openvino, and none (the CPU)" in wrong.stderr
    assert extras(tmp_path, "none").stdout == "none onnxruntime\n"
    assert not (tmp_path / "extras").exists()


@pytest.fixture(scope="module")
def machine(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    binds = {"/opt/edge-daemon": installed / "opt/edge-daemon", "/srv": installed / "etc"}
    machine = Machine(tmp_path_factory.mktemp("machine"), binds)
    try:
        machine.run("cp", "-r", "/srv/.", "/etc")
        machine.run("systemd-sysusers")
        machine.run("systemctl", "daemon-reload")
        yield machine
    finally:
        machine.close()


@pytest.fixture
def service(machine: Machine) -> Iterator[Service]:
    service = Service(machine)
    try:
        yield service
    finally:
        service.stop()
        print("\n".join(str(entry["MESSAGE"]) for entry in service.journal))


pytestmark = pytest.mark.timeout(900)  # the installer may have to fetch some 200 MB
STREET = '{door: {source: "scene:?fps=15&size=320x180"}}'


def test_systemd_finds_no_fault_with_the_unit_and_little_exposed(machine: Machine) -> None:
    unit = "/etc/systemd/system/edge-daemon.service"
    verified = machine.run("systemd-analyze", "verify", unit)
    assert verified.stdout + verified.stderr == ""
    said = machine.run("systemd-analyze", "security", "--offline=true", unit).stdout
    level = re.search(r"Overall exposure level for edge-daemon.service: ([\d.]+)", said)
    assert level
    assert float(level[1]) <= EXPOSURE


def test_it_is_ready_when_its_model_is_loaded_and_not_before(service: Service) -> None:
    service.configure(STREET, busy_ms=1000)
    service.machine.run("systemctl", "start", "--no-block", "edge-daemon")
    eventually(lambda: service.logged("capture door: up"), START_S, what="the camera", every_s=0.1)
    assert not service.logged("worker m-0: /mnt/takes-1000-ms.onnx: input"), "the model is loaded already"
    assert service.state == "activating"
    eventually(lambda: service.state == "active", 3 * START_S, what="ready", every_s=0.1)
    assert service.logged("worker m-0: /mnt/takes-1000-ms.onnx: input")
    with Listener(service.address, "result/") as listener:
        assert listener.receive()[0]["camera"] == "door"
        listener.receive()
    (worker,) = service.pids("worker")
    assert NAME in service.machine.run("cat", f"/proc/{worker}/maps").stdout, "frames are not sent, but shared"
    if LINUX >= (6, 12):
        assert str(SLICE_NS) in service.machine.run("cat", f"/proc/{worker}/sched").stdout, "it computes at length"
    service.up("1 of 1 camera")


def test_a_password_is_a_credential_and_lines_have_fields(service: Service) -> None:
    camera = HttpCamera([jpeg(100), jpeg(120)], credentials="viewer:hunter2")
    with serving(camera):
        service.machine.write("/etc/edge-daemon/secrets/DOOR", "hunter2\n", "0600")
        service.configure(f"{{door: {{source: '{camera.url('viewer:${DOOR}')}'}}}}")
        service.start()
        service.up("1 of 1 camera")
        camera.gone.set()
    eventually(lambda: service.logged("capture door: down"), START_S, what="the camera gone", every_s=0.1)
    (down,) = [entry for entry in service.journal if "capture door: down" in str(entry["MESSAGE"])][:1]
    assert (down["PRIORITY"], down["EDGE_DAEMON_CAMERA"], down["EDGE_DAEMON_PROCESS"]) == ("4", "door", "capture door")
    assert "hunter2" not in str(service.journal)
    assert "hunter2" not in service.machine.run("ps", "axeww").stdout


def test_a_wrong_configuration_is_said_once_and_not_tried_again(service: Service) -> None:
    service.machine.write(CONFIG, "cameras: {door: {sauce: 0}}", "0640", "root:edge-daemon")
    assert service.machine.run("systemctl", "start", "edge-daemon", check=False).returncode != 0
    assert service.show("ActiveState", "ExecMainStatus", "NRestarts") == ["failed", "2", "0"]
    (said,) = [entry for entry in service.journal if "did you mean" in str(entry["MESSAGE"])]
    assert said["PRIORITY"] == "3"


def test_the_watchdog_ends_a_service_whose_dispatcher_is_stopped_and_it_recovers(service: Service) -> None:
    with service.changed(f"WatchdogSec={WATCHDOG_S}"):
        service.configure(STREET)
        service.start()
        service.up("1 of 1 camera")
        (before,) = service.pids("supervisor")
        service.machine.run("kill", "-STOP", *service.pids("dispatcher"))
        stopped_at = time.monotonic()
        eventually(
            lambda: service.pids("supervisor") not in ([], [before]),
            WATCHDOG_S + START_S,
            what="another supervisor",
            every_s=0.1,
        )
        # Cameras may be up before every process is, and only then the service is ready again.
        eventually(lambda: service.state == "active", START_S, what="ready again", every_s=0.1)
        service.up("1 of 1 camera")
        print(f"recovered in {time.monotonic() - stopped_at:.1f} s with WatchdogSec={WATCHDOG_S}")
        assert service.logged("Watchdog timeout")
        assert service.logged("supervisor: no frame has come through")
        with Listener(service.address, "result/") as listener:
            listener.receive()


def test_it_writes_nowhere_else_and_leaves_nothing(service: Service) -> None:
    service.configure(STREET)
    service.start()
    service.up("1 of 1 camera")
    written = service.files()
    assert any(path.endswith("/dispatcher") for path in written), "its sockets"
    assert [path for path in written if not OURS.match(path)] == []
    with Listener(service.address, "frame/") as listener:
        listener.receive()
    service.stop()
    assert service.pids() == []
    assert service.show("ActiveState", "Result", "ExecMainStatus") == ["inactive", "success", "0"]
    assert service.files() == {
        "/var/lib/edge-daemon",
        *(f"/var/lib/edge-daemon/{name}" for name in ("epochs.json", "lock")),
    }
    assert not any(service.logged(f"{how} SIGKILL") for how in ("with signal", "ended by")), "nobody had to be killed"


def test_fenced_in_as_it_is_it_may_read_what_belongs_to_cameras_and_no_home(service: Service) -> None:
    """A file stands for the webcam: nspawn has no devices of that kind, and DeviceAllow none of its own."""
    service.machine.write("/srv-camera", "a picture", "0640", "root:video")
    service.machine.write("/home/1/clip", "private", "0644")
    service.configure(STREET)
    with service.changed("ExecStartPre=/usr/bin/test -r /srv-camera\nExecStartPre=/usr/bin/test ! -r /home/1/clip"):
        service.start()


def test_reload_takes_a_camera_in_and_refuses_a_wrong_file(service: Service) -> None:
    service.configure(STREET)
    service.start()
    service.up("1 of 1 camera")
    pids = service.pids()
    service.configure('{door: {source: "scene:?fps=15&size=320x180"}, yard: {source: "scene:?fps=5&size=320x180"}}')
    service.machine.run("systemctl", "reload", "edge-daemon")
    service.up("2 of 2 cameras")
    assert set(pids) <= set(service.pids()), "processes that did not change go on"
    (entry,) = [entry for entry in service.journal if entry.get("EDGE_DAEMON_AUDIT") == "1"]
    audited = [entry[f"EDGE_DAEMON_{field}"] for field in ("WHO", "ROLE", "VIA", "ACTION", "RESULT", "TEXT")]
    assert audited == ["edge-daemon", "administrator", "control-socket", "reload", "done", "camera yard added"]
    kept = service.machine.run("cat", "/var/lib/edge-daemon/audit.jsonl").stdout
    assert json.loads(kept.splitlines()[-1])["at"] == entry["EDGE_DAEMON_AT"]
    service.machine.write(CONFIG, "cameras: {door: {sauce: 0}}", "0640", "root:edge-daemon")
    done = service.machine.run("systemctl", "reload", "edge-daemon", check=False)
    assert done.returncode != 0
    assert service.logged("did you mean")
    assert service.state == "active"
    service.up("2 of 2 cameras")
