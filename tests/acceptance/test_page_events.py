"""Events, zones, lines, counts and switches on the page, in a real browser."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, Page, Route, expect

from edge_daemon.config.load import loads
from edge_daemon.tokens import digest, new_token
from tests.acceptance.harness import START_S, Daemon, free_port, running
from tests.acceptance.test_page import DESK, Visitor, browser, faults
from tests.waiting import eventually

__all__ = ["browser"]
VIEWS = [
    "#events",
    "#events?camera=street&rule=visitor",
    "#cameras/street",
    "#cameras/street/events",
    "#cameras/street/counts",
]
CONFIG = """
cameras:
  street:
    source: "scene:?fps=8&size=640x360&seed=3"
    zones: {pavement: {points: [[0, 0.35], [1, 0.35], [1, 1], [0, 1]]}}
    lines: {middle: {points: [[0.5, 0.2], [0.5, 1]]}}
    ignore: [{points: [[0, 0], [0.1, 0], [0.1, 0.1]]}]
  other: {source: "scene:?fps=2&size=320x180"}
models: {person: {path: "builtin:person"}}
modes: [home, away]
counts: {every: 1s}
rules:
  visitor: {cameras: [street], classes: [person], enters: pavement, cooldown: 1s}
  crosser: {crosses: {line: middle}, cooldown: 1s}
  many: {count: {zone: pavement, above: 0, for: 1s}, quiet: true}
"""


def config(port: int, web: str = "") -> str:
    return f"{CONFIG}web: {{listen: '127.0.0.1:{port}'{web}}}\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the page is, of a street with a zone, a line and rules, where events have begun."""
    folder, port = tmp_path_factory.mktemp("events"), free_port()
    with running(folder, config(port), "--events", "events.jsonl") as daemon:
        eventually(lambda: begun(daemon) and answers(port), 2 * START_S, what="events")
        yield port
        daemon.stop()


def answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def begun(daemon: Daemon) -> bool:
    found = {one["rule"] for one in daemon.events() if one["type"] == "event"}
    return "processes are up" in daemon.log and found >= {"visitor", "many", "crosser"}


def test_events_are_listed_with_their_reasons_and_filtered(browser: Browser, port: int) -> None:
    with Visitor(browser, port, "#events", viewport=DESK) as visitor:
        page = visitor.page
        expect(page.locator(".nav a", has_text="Events")).to_have_attribute("aria-current", "page")
        card = page.locator(".evc", has=page.locator("h2", has_text="visitor")).first
        expect(card.locator(".because li").first).to_contain_text("pavement")
        expect(card.locator("a")).to_have_text("street")
        expect(page.locator(".evc h2", has_text="many").first).to_be_visible()
        page.get_by_label("Rule", exact=True).select_option("many")
        expect(page.locator(".evc h2", has_text="visitor")).to_have_count(0)
        expect(page).to_have_url(re.compile(r"#events\?rule=many$"))
        page.get_by_label("Only alerts").check()
        expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
        visitor.open("#events?rule=visitr")
        expect(page.locator(".blankslate")).to_contain_text("did you mean visitor?")


def test_never_again_here_is_an_area_that_can_be_pasted(browser: Browser, port: int) -> None:
    with Visitor(browser, port, "#events?rule=visitor") as visitor:
        card = visitor.page.locator(".evc", has=visitor.page.locator("h2")).first
        card.get_by_role("button", name="Never again here").click()
        text = card.locator("pre").inner_text()
        camera = yaml.safe_load(text)["cameras"]["street"]
        loaded = loads(
            yaml.safe_dump(
                {"cameras": {"street": {"source": "scene:", **camera}}, "models": {"m": {"path": "builtin:person"}}}
            ),
            "x",
        )
        area = (loaded.cameras["street"].ignore or [])[0]
        assert area.classes == ["person"]
        assert len(area.points) == 4
        visitor.shoot("events-never-again")
        assert visitor.complaints == []


def test_zones_lines_and_trails_are_over_the_picture_with_their_counts(browser: Browser, port: int) -> None:
    with Visitor(browser, port, "#cameras/street", viewport=DESK) as visitor:
        page = visitor.page
        expect(page.locator(".lb.in-zone")).to_have_text(re.compile(r"^pavement: \d+ now$"))
        expect(page.locator(".lb.on-line")).to_have_text(re.compile(r"^middle(: \d+ in, \d+ out)?$"))
        expect(page.locator("path.zone")).to_have_attribute("d", "M0 35L100 35L100 100L0 100Z")
        expect(page.locator("path.line")).to_have_attribute("d", re.compile(r"^M50 20L50 100M50 60L4[67]"))
        eventually(lambda: page.locator("path.trail[d^=M]").count(), START_S, what="a trail")
        expect(page.locator(".lb", has_text=re.compile(r"^person \d+ 0\.\d\d$")).first).to_be_visible()
        visitor.shoot("zones-1440")
        page.keyboard.press("z")
        expect(page.locator("path.zone")).to_have_attribute("d", "")
        expect(page.locator(".lb.in-zone")).to_have_count(0)
        page.keyboard.press("z")
        page.keyboard.press("t")
        eventually(lambda: not page.locator("path.trail[d^=M]").count(), START_S, what="no trail")
        page.keyboard.press("t")
        page.get_by_role("link", name="Counts").click()
        expect(page.locator(".side table")).to_contain_text("pavement")
        page.get_by_role("link", name="Events").last.click()
        expect(page.locator(".side .evc", has_text="pavement").first).to_be_visible()
        assert visitor.complaints == []
        visitor.open("#cameras/other")
        expect(page.get_by_role("link", name="About")).to_be_visible()
        expect(page.get_by_role("link", name="Counts")).to_be_hidden()


def test_new_events_wait_until_they_are_asked_for(browser: Browser, port: int) -> None:
    with Visitor(browser, port, "#events?rule=crosser") as visitor:
        page = visitor.page
        expect(page.locator(".evc").first).to_be_visible()
        before = page.locator(".evc").count()
        newer = page.get_by_role("button", name=re.compile(r"^\d+ new events?: show$"))
        newer.wait_for(timeout=60_000)
        assert page.locator(".evc").count() == before
        newer.click()
        expect(newer).to_be_hidden()
        assert page.locator(".evc").count() > before


def test_nothing_sticks_out_and_axe_finds_nothing(browser: Browser, port: int) -> None:
    with Visitor(browser, port, color_scheme="light", reduced_motion="reduce") as visitor:
        assert {view: found for view in VIEWS if (found := faults(visitor, view))} == {}


def reload_with_late_answers(page: Page, url: str) -> None:
    """Reload the page once the status knows the mode; the rules, for which two parts of the page ask, are answered
    after a status, and who looks at last.
    """
    eventually(lambda: page.request.get(f"{url}api/status").json()["switches"]["mode"] == "away", START_S)
    rules, me = list[Route](), list[Route]()
    page.route("**/api/rules", lambda route: rules.append(route))
    page.route("**/api/me", lambda route: me.append(route))
    with page.expect_response("**/api/status"):
        page.reload()
    for _ in range(2):
        with page.expect_response("**/api/rules"):
            page.wait_for_function("document.readyState === 'complete'")
            rules.pop().continue_()
    page.unroute("**/api/rules")
    me.pop().continue_()


def test_rules_and_the_mode_are_switched_by_an_operator(browser: Browser, tmp_path: Path) -> None:
    port, tokens = free_port(), {"operator": new_token(), "viewer": new_token()}
    listed = ", ".join(f"{role}: {{token: '{digest(token)}', role: {role}}}" for role, token in tokens.items())
    with running(tmp_path, config(port, f", tokens: {{{listed}}}")) as daemon:
        eventually(lambda: "processes are up" in daemon.log and answers(port), START_S, what="processes")
        for role, token in tokens.items():
            with Visitor(browser, port, "#events") as visitor:
                page = visitor.page
                page.get_by_role("textbox", name="Token").fill(token)
                page.get_by_role("button", name="Log in").click()
                switch = page.get_by_role("switch", name="visitor")
                if role == "viewer":
                    expect(switch).to_be_disabled()
                    expect(page.locator(".rail")).to_contain_text("needs the token of an operator")
                    continue
                switch.click()
                expect(page.locator(".toast")).to_contain_text("Rule visitor is off")
                expect(page.locator(".switch", has_text="visitor")).to_contain_text("off")
                page.get_by_label("Mode").select_option("away")
                expect(page.locator(".toast").last).to_contain_text("The mode is away")
                reload_with_late_answers(page, visitor.url)
                expect(page.get_by_role("switch", name="visitor")).not_to_be_checked()
                expect(page.get_by_label("Mode")).to_have_value("away")
                page.get_by_role("switch", name="visitor").click()
                expect(page.locator(".toast")).to_contain_text("Rule visitor is on")
        daemon.stop()
