"""The files around the code, held to the code and to each other."""

import re
import subprocess
import tomllib
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest

import edge_daemon
from edge_daemon.errors import ExitCode
from tests.components import require_component

CHECKOUT = Path(__file__).resolve().parents[2]

# What a file must not say, as patterns that do not match themselves.
REGISTRIES = r"pypi\.(org|python)|pythonhosted\.|deb\.debian\.|(^|[^\w.-])(gcr|ghcr|quay)\.io|registry\.npmjs"
MACHINE_PATHS = r"(^|[^\w.-])(/home/[a-z]|/Users/[A-Za-z]|/root/\w|/work/[a-z]|/opt/(wheels|mirror))"


@cache
def tracked() -> list[Path]:
    """The files that git tracks."""
    # A checkout that another user owns is fine to read.
    command = ["git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := CHECKOUT / name).is_file()]


def text_of(path: Path) -> str:
    """The text of a file, or nothing for pictures and models."""
    content = path.read_bytes()
    return "" if b"\0" in content else content.decode()


def project() -> dict[str, object]:
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]  # type: ignore[no-any-return]


def test_version_is_the_installed_one() -> None:
    assert project()["version"] == edge_daemon.__version__


def test_changelog_tells_of_the_version_or_of_what_comes() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert {str(project()["version"]), "Unreleased"} & set(headings)


def test_readme_names_only_commands_that_exist() -> None:
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    readme = (CHECKOUT / "README.md").read_text()
    blocks = "".join(re.findall(r"^```.*?^```", readme, re.MULTILINE | re.DOTALL))
    typed = set(re.findall(r"`make ([a-z]+)", readme)) | set(re.findall(r"\bmake ([a-z]+)", blocks))
    assert typed >= {"demo", "test"}
    assert typed <= targets


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS], ids=["registries", "machine paths"])
def test_no_file_depends_on_one_machine(pattern: str) -> None:
    if not (CHECKOUT / ".git").exists():
        pytest.skip("not a git checkout")
    require_component("git")
    found = [
        f"{path.relative_to(CHECKOUT)}: {match.group().strip()}"
        for path in tracked()
        for match in re.finditer(pattern, text_of(path), re.MULTILINE)
    ]
    assert found == []


@pytest.fixture(scope="module")
def unit() -> ConfigParser:
    """systemd/edge-daemon.service; of keys given twice the last one."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((CHECKOUT / "systemd" / "edge-daemon.service").read_text())
    return parser


def test_unit_has_its_sections(unit: ConfigParser) -> None:
    assert unit.sections() == ["Unit", "Service", "Install"]
    assert unit["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("ExecStart", "/opt/edge-daemon/bin/edge-daemon run /etc/edge-daemon/config.yaml"),
        ("KillMode", "mixed"),
        ("Restart", "on-failure"),
        ("RestartPreventExitStatus", str(ExitCode.CONFIG.value)),
        ("RuntimeDirectory", "edge-daemon"),
        ("RuntimeDirectoryMode", "0700"),
        ("StateDirectory", "edge-daemon"),
        ("User", "edge-daemon"),
        ("SupplementaryGroups", "video render"),
        ("LoadCredential", "secrets:/etc/edge-daemon/secrets"),
    ],
)
def test_unit_says(unit: ConfigParser, key: str, value: str) -> None:
    assert unit["Service"][key] == value


def test_sysusers_names_the_units_user_and_groups(unit: ConfigParser) -> None:
    lines = (CHECKOUT / "systemd" / "edge-daemon.sysusers").read_text().splitlines()
    made = {(kind, name) for kind, name, *_ in (line.split() for line in lines if not line.startswith("#"))}
    missing = set(unit["Service"]["SupplementaryGroups"].split()) - {"video"}  # which every system has
    assert made == {("u", unit["Service"]["User"]), *(("g", group) for group in missing)}


def test_installer_and_unit_agree_on_where_things_are(unit: ConfigParser) -> None:
    script = (CHECKOUT / "tools" / "install.sh").read_text()
    places = dict(re.findall(r"^(\w+)=(/\S+)$", script, re.MULTILINE))
    service = unit["Service"]
    program, _, configuration = service["ExecStart"].partition(" run ")
    assert program == f"{places['prefix']}/bin/edge-daemon"
    assert configuration == f"{places['configuration']}/config.yaml"
    assert service["LoadCredential"] == f"secrets:{places['configuration']}/secrets"
    assert service["WorkingDirectory"] == places["state"]


def test_unit_lets_cameras_through(unit: ConfigParser) -> None:
    service = unit["Service"]
    assert "\nDeviceAllow=char-video4linux rw\n" in (CHECKOUT / "systemd" / "edge-daemon.service").read_text()
    assert service.get("PrivateDevices", "no") == "no"
    assert service.get("PrivateNetwork", "no") == "no"
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} <= set(service["RestrictAddressFamilies"].split())
