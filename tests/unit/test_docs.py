"""The documents, held to the code: links, commands, snippets of YAML, and the page that is generated."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.core import TyperGroup

from edge_daemon.cli.app import app
from edge_daemon.config.load import loads
from tests.conftest import CHECKOUT
from tools import config_docs, event_drawings

PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"), *CHECKOUT.glob("tools/*.md")])
NAMES = [str(page.relative_to(CHECKOUT)) for page in PAGES]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CAMERA, MODEL = "cameras: {a: {source: 'scene:'}}", "models: {m: {path: 'builtin:person'}}"
SECRETS = dict.fromkeys(
    (
        "FRONT_DOOR_PASSWORD",
        "OFFICE_TOKEN",
        "PASSWORD",
        "SMTP_PASSWORD",
        "MQTT_PASSWORD",
        "NATS_CREDS",
        "KAFKA_PASSWORD",
    ),
    "secret",
)
SECRETS["HOOK_SECRET"] = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRETS["SLACK_WEBHOOK"] = "https://hooks.slack.com/services/T/B/x"


def without_code(text: str) -> str:
    """The text without blocks of code, in which brackets are no links."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors that a page's headings have on GitHub."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(without_code(page.read_text())):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: {target}; there are {sorted(anchors(file))}"


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in PAGES
        for target in LINK.findall(page.read_text())
        if target.partition("#")[0]
    }
    folders = {path for path in linked if path.is_dir()}
    alone = [page for page in PAGES if page not in linked and page.parent not in folders]
    assert [str(page.relative_to(CHECKOUT)) for page in alone] == ["tools/README.md"]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_yaml_is_a_configuration(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    for block in blocks(page, "yaml"):
        written = yaml.safe_load(block)
        rest = [line for key, line in (("cameras", CAMERA), ("models", MODEL)) if key not in written]
        text = block.replace("…", "0" * 64)
        loads("\n".join([text, *rest]), str(page))


def commands(page: Path) -> Iterator[list[str]]:
    """The calls of edge-daemon in blocks of shell, as words."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for call in re.findall(r"edge-daemon [a-z-][^#|>&;)]*", line):
                yield shlex.split(call)[1:]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_exist_with_their_options(page: Path) -> None:
    group = typer.main.get_command(app)
    for words in commands(page):
        command: Any = group
        while isinstance(command, TyperGroup) and words and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not group, f"{page.name}: edge-daemon {' '.join(words)}"
        known = {option for parameter in command.params for option in parameter.opts}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known, f"{page.name}: {command.name} {used - known}"


def test_the_page_of_keys_is_that_of_the_schema() -> None:
    assert config_docs.PAGE.read_text() == config_docs.page(), "run: python -m tools.config_docs"


@pytest.mark.parametrize("name", event_drawings.DRAWINGS)
def test_drawings_show_what_the_code_does(name: str) -> None:
    drawn = (event_drawings.FOLDER / f"{name}.svg").read_text()
    assert drawn == event_drawings.DRAWINGS[name](), "run: python -m tools.event_drawings"


def test_terms_of_the_glossary_live_where_it_says() -> None:
    rows = re.findall(r"^\|.*\| (`[^|]*) \|$", (CHECKOUT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    paths = [path for row in rows for path in re.findall(r"`([^`]+)`", row)]
    assert len(paths) > 40
    assert [path for path in paths if not (CHECKOUT / "edge_daemon" / path).exists()] == []


def test_files_that_contributors_are_sent_to_exist() -> None:
    text = (CHECKOUT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`([\w/]+/[\w/]*(?:\.\w+)?)`", text)
    missing = [path for path in paths if not any((CHECKOUT / root / path).exists() for root in ("", "edge_daemon"))]
    assert missing == []


TROUBLE = CHECKOUT / "docs" / "troubleshooting.md"


def test_each_symptom_has_its_cause_how_to_see_it_and_what_to_do_and_is_in_the_list_above() -> None:
    head, *sections = re.split(r"^### ", TROUBLE.read_text(), flags=re.MULTILINE)
    listed = set(re.findall(r"\]\(#([^)]+)\)", head))
    assert len(sections) > 20
    for section in sections:
        title, *lines = re.split(r"^## ", section, flags=re.MULTILINE)[0].strip().splitlines()
        assert [line.partition(":**")[0] for line in lines if line] == ["- **Cause", "- **See it", "- **Do"], title
        assert "`" in lines[-1] or "](" in lines[-1], f"{title}: nothing to type or to read"
        assert re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") in listed, title


@pytest.mark.parametrize(
    "words",
    [
        "no boxes", "unauthorised", "dropped", "sub-stream", "gpu", "memory", "another machine", "h.265", "journald",
        "upgrade", "back up", "state", "mqtt", "home assistant", "annotated video", "edge-daemon report", "token",
        "power cut", "disk is full", "p99", "pss", "epoch", "ubuntu", "raspberry", "container",
    ],
)  # fmt: skip
def test_what_people_search_for_is_on_the_page(words: str) -> None:
    assert words in TROUBLE.read_text().lower()
