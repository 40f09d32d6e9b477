"""The tables of docs/models.md: with what a line needs, its layouts are read with the right boxes and names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_daemon.models import coco
from edge_daemon.models.decoders import BY_NAME
from edge_daemon.settings import BoxesSettings
from tests.conftest import CHECKOUT
from tests.exports import EXPORTS
from tests.integration.test_layouts import PICTURE, check, load
from tests.layouts import DETECTORS, Layout

LAYOUTS = {**DETECTORS, **EXPORTS}
PAGE = (CHECKOUT / "docs" / "models.md").read_text()
TESTED = PAGE.partition("## Tested models")[2]
ELSEWHERE = "`test_layouts.py`"


def lines() -> Iterator[tuple[str, str, list[str], str]]:
    """Exporter, decoder, what it is tested by, and what it needs, of each line."""
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and re.fullmatch(r"`\w+`", cells[1]):
            yield cells[0], cells[1].strip("`"), cells[2].split(", "), cells[3]


LINES = {exporter + f" ({decoder})": (decoder, by, needs) for exporter, decoder, by, needs in lines()}


def settings_of(needs: str) -> dict[str, Any]:
    """The YAML that a line begins with; none if a path is enough."""
    if not needs.startswith("`") or ":" not in needs.split("`")[1]:
        return {}
    stated: dict[str, Any] = yaml.safe_load(needs.split("`")[1])
    if "boxes" in stated and "first_class" in stated["boxes"]:
        stated["boxes"] = BoxesSettings(**stated["boxes"])
    return stated


def names_of(layout: Layout, settings: dict[str, Any]) -> list[tuple[str, ...]]:
    """The names that each class may have: those that are given, COCO's, the usual ones, or its number."""
    if isinstance(labels := settings.get("labels"), str):
        return [(name,) for name in coco.SETS[labels]]
    if labels:
        return [(name,) for name in labels]
    if "names" in layout.metadata:
        return [(name,) for name in ast.literal_eval(layout.metadata["names"]).values()]
    usual = zip(coco.SETS["coco"] + ("",) * 11, coco.SETS["coco91"], strict=True)
    return [(f"class {number}", "face", "person", *names) for number, names in enumerate(usual)]


@pytest.mark.parametrize("line", LINES)
def test_a_line_holds(tmp_path: Path, line: str) -> None:
    decoder, tested_by, needs = LINES[line]
    assert decoder in BY_NAME
    settings = settings_of(needs)
    for name in tested_by:
        if name not in LAYOUTS:
            assert name == ELSEWHERE or name in TESTED
            continue
        layout = LAYOUTS[name]()
        model = load(layout.write(tmp_path / "m.onnx"), **settings)
        assert (name, model.decoder.name) == (name, decoder)
        findings, _ = model.detect(PICTURE)
        check(findings, layout)
        expected = names_of(layout, settings)
        for number in findings.detections.class_id.tolist():
            assert model.name_of(number) in expected[number]


def test_every_layout_and_decoder_is_on_the_page() -> None:
    tested = {name for _, by, _ in LINES.values() for name in by}
    assert set(LAYOUTS) <= tested
    assert set(BY_NAME) == {decoder for decoder, _, _ in LINES.values()}
