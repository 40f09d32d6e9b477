"""Where the names of classes come from."""

from pathlib import Path

import pytest

from edge_daemon.errors import ModelError
from edge_daemon.models import coco
from edge_daemon.models.evidence import Sign
from edge_daemon.models.files_beside import Beside
from edge_daemon.models.labels import complete, stated, unreadable


def names_of(labels: list[str] | str | None, metadata: dict[str, str]) -> tuple[str, ...] | None:
    sign = stated(labels, metadata)
    assert sign is None or sign.sure == "known"
    return sign.value if sign else None


def named(*names: str) -> Sign[tuple[str, ...]]:
    return Sign(names, "a test", "known")


def test_a_configured_list_wins_over_metadata() -> None:
    assert names_of(["cat"], {"names": "{0: 'dog'}"}) == ("cat",)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("labels.txt", "\ufeffcat\r\n 犬 \n\ntraffic light\n"),
        ("labelmap.txt", "0  cat\n1  犬\n2  traffic light\n"),
        ("labels.txt", "0: cat\n1: 犬\n2: traffic light"),
        ("labels.txt", "2 traffic light\n0 cat\n1 犬"),
        ("labels.json", '["cat", "犬", "traffic light"]'),
        ("labels.json", '{"0": "cat", "1": "犬", "2": "traffic light"}'),
        ("labels.json", '{"cat": 0, "犬": 1, "traffic light": 2}'),
        ("labels.json", '[{"id": 0, "name": "cat"}, {"id": 1, "name": "犬"}, {"id": 2, "name": "traffic light"}]'),
        ("labels.csv", "id,name\n0,cat\n1,犬\n2,traffic light\n"),
        ("labels.csv", "cat\n犬\ntraffic light\n"),
    ],
)
def test_files_of_names_in_usual_forms(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8", newline="")
    assert names_of(str(tmp_path / file), {}) == ("cat", "犬", "traffic light")


def test_numbers_that_are_left_out_have_no_name(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("1 person\n3 car\n")
    assert names_of(str(tmp_path / "l.txt"), {}) == ("N/A", "person", "N/A", "car")


@pytest.mark.parametrize("key", ["names", "classes", "class_names", "labels", "id2label"])
@pytest.mark.parametrize(
    "text",
    [
        "{0: 'cat', 1: 'dog'}",
        "{1: 'dog', 0: 'cat'}",
        "['cat', 'dog']",
        '["cat", "dog"]',
        '{"0": "cat", "1": "dog"}',
        "cat,dog",
        "cat; dog",
        "cat\ndog",
    ],
)
def test_metadata_has_names_in_usual_forms_under_usual_keys(key: str, text: str) -> None:
    assert names_of(None, {key: text}) == ("cat", "dog")


def test_nobody_states_names() -> None:
    assert stated(None, {"task": "detect"}) is None
    assert complete(None, [], 2, "yolox") == (("class 0", "class 1"), [])
    assert complete(None, [], None, "rows") == ((), [])
    assert complete(None, [], 0, "embedding") == ((), [])


@pytest.mark.parametrize(
    ("classes", "decoder", "usual", "names", "key"),
    [
        (80, "yolox", (), coco.NAMES, "labels: coco"),
        (91, "detr", (), coco.NAMES_91, "labels: coco91"),
        (90, "finished", (), coco.NAMES_91[1:], "labels: coco90"),
        (21, "segmentation", (), coco.VOC, "labels: voc"),
        (1, "scrfd", ("face",), ("face",), "labels: [face]"),
    ],
)
def test_names_that_nobody_states_are_only_likely(
    classes: int, decoder: str, usual: tuple[str, ...], names: tuple[str, ...], key: str
) -> None:
    given, (fact,) = complete(None, [], classes, decoder, usual)
    assert (given, fact.sure, fact.key) == (names, "likely", key)


def test_sets_that_everybody_knows() -> None:
    assert names_of("coco", {"names": "['dog']"}) == coco.NAMES
    assert names_of("voc", {}) == coco.VOC
    assert (coco.NAMES_91[1], coco.NAMES_91[12], coco.NAMES_91[90]) == ("person", "N/A", "toothbrush")


def test_coco_has_eighty_names() -> None:
    assert len(set(coco.NAMES)) == 80
    assert [coco.NAMES[i] for i in (0, 2, 16, 39, 62, 79)] == ["person", "car", "dog", "bottle", "tv", "toothbrush"]


@pytest.mark.parametrize("text", ["{0: 'cat'", "__import__('os')", "7", "{'a': 'cat'}", "[1, 2]", "cat"])
def test_metadata_that_makes_no_sense_is_a_note(text: str) -> None:
    assert stated(None, {"names": text}) is None
    (note,) = unreadable({"names": text})
    assert "cannot be read" in note
    assert "set `labels`" in note


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read its labels from .*none: No such file"):
        stated(str(tmp_path / "none"), {})
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ModelError, match=r"picture: it is not UTF-8 text"):
        stated(str(tmp_path / "picture"), {})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ModelError, match="it is empty"):
        stated(str(tmp_path / "empty"), {})


def test_as_many_names_as_classes() -> None:
    assert complete(named("cat", "dog"), [], None, "rows")[0] == ("cat", "dog")
    assert complete(named("background", "cat", "dog"), [], 2, "ssd")[0] == ("cat", "dog")
    assert complete(named("crack"), [], 2, "segmentation")[0] == ("background", "crack")
    with pytest.raises(ModelError, match=r"has 3 classes, but 2 names are given \(cat, dog\)"):
        complete(named("cat", "dog"), [], 3, "yolox")


def test_names_in_a_file_beside_the_model_count_if_they_are_as_many() -> None:
    beside = [Beside("labels.txt", "known", ("cat",)), Beside("classes.txt", "known", ("cat", "dog"))]
    given, (fact,) = complete(None, beside, 2, "yolox")
    assert (given, fact.sure, fact.because) == (("cat", "dog"), "known", "classes.txt beside it")
    assert complete(None, beside, 3, "yolox")[0] == ("class 0", "class 1", "class 2")
