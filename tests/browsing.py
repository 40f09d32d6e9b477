"""Replays a recorded session in a browser.

`open VIEW`, `click ROLE NAME`, `fill FIELD = TEXT` and `upload FILE` do something; `see TEXT` (or `see heading TEXT`)
waits until the page has it. `#` begins a comment.
"""

import time
from pathlib import Path

from playwright.sync_api import Page, expect


class Browsing:
    """A page of the daemon at `url`, and files in `folder`; `times` are the seconds that each step took."""

    def __init__(self, page: Page, url: str, folder: Path) -> None:
        self._page, self._url, self._folder = page, url, folder
        self.times: list[tuple[float, str]] = []

    def replay(self, text: str) -> None:
        """Replay all steps; the first that does not work fails."""
        for line in text.splitlines():
            if not line or line.startswith("# "):
                continue
            began = time.monotonic()
            verb, _, rest = line.partition(" ")
            getattr(self, f"_{verb}")(rest)
            self.times.append((time.monotonic() - began, line))

    def _open(self, view: str) -> None:
        self._page.goto(f"{self._url}{view}")

    def _see(self, text: str) -> None:
        kind, _, name = text.partition(" ")
        if kind == "heading":
            expect(self._page.get_by_role("heading", name=name, exact=True)).to_be_visible()
        else:
            expect(self._page.locator("main")).to_contain_text(text)

    def _click(self, what: str) -> None:
        role, _, name = what.partition(" ")
        self._page.locator("main").get_by_role(role, name=name, exact=True).locator("visible=true").first.click()  # type: ignore[arg-type]

    def _fill(self, what: str) -> None:
        field, _, text = what.partition(" = ")
        self._page.get_by_label(field).fill(text)

    def _upload(self, file: str) -> None:
        self._page.get_by_label("Choose a picture").set_input_files(self._folder / file)
