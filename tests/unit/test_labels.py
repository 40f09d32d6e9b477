"""Where the names of classes come from."""

from pathlib import Path

import pytest

from edge_daemon.errors import ModelError
from edge_daemon.models import coco
from edge_daemon.models.labels import complete, stated


def test_a_configured_list_wins_over_metadata() -> None:
    assert stated(["cat"], {"names": "{0: 'dog'}"}) == ("cat",)


def test_a_file_has_a_name_a_line(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcat\r\n 犬 \n\ntraffic light\n".encode())
    assert stated(str(path), {}) == ("cat", "犬", "traffic light")


@pytest.mark.parametrize(
    "text",
    ["{0: 'cat', 1: 'dog'}", "{1: 'dog', 0: 'cat'}", "['cat', 'dog']", '["cat", "dog"]', '{"0": "cat", "1": "dog"}'],
)
def test_metadata_may_be_a_dict_or_a_list(text: str) -> None:
    assert stated(None, {"names": text}) == ("cat", "dog")


def test_nobody_states_names() -> None:
    assert stated(None, {"task": "detect"}) is None
    assert complete(None, 2, "yolox") == ("class 0", "class 1")
    assert complete(None, 80, "yolox") == coco.NAMES
    assert complete(None, 91, "detr") == coco.NAMES_91
    assert complete(None, 90, "finished") == coco.NAMES_91[1:]
    assert complete(None, 21, "segmentation") == coco.VOC
    assert complete(None, 1, "scrfd") == ("face",)
    assert complete(None, None, "rows") == ()


def test_sets_that_everybody_knows() -> None:
    assert stated("coco", {"names": "['dog']"}) == coco.NAMES
    assert stated("voc", {}) == coco.VOC
    assert (coco.NAMES_91[1], coco.NAMES_91[12], coco.NAMES_91[90]) == ("person", "N/A", "toothbrush")


def test_coco_has_eighty_names() -> None:
    assert len(set(coco.NAMES)) == 80
    assert [coco.NAMES[i] for i in (0, 2, 16, 39, 62, 79)] == ["person", "car", "dog", "bottle", "tv", "toothbrush"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{0: 'cat'", "cannot read the `names` in its metadata, \"{0: 'cat'\": give `labels`"),
        ("__import__('os')", "cannot read the `names` in its metadata"),
        ("7", "cannot read the `names` in its metadata, '7'"),
        ("{'a': 'cat'}", "cannot read the `names` in its metadata"),
        ("{1: 'cat'}", "are not numbered from 0"),
        ("[1, 2]", "are not numbered from 0"),
    ],
)
def test_metadata_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(ModelError) as caught:
        stated(None, {"names": text})
    assert message in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read its labels from .*none: No such file"):
        stated(str(tmp_path / "none"), {})
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ModelError, match=r"picture: it is not UTF-8 text"):
        stated(str(tmp_path / "picture"), {})


def test_as_many_names_as_classes() -> None:
    assert complete(["cat", "dog"], None, "rows") == ("cat", "dog")
    with pytest.raises(ModelError, match=r"has 3 classes, but 2 names are given \(cat, dog\)"):
        complete(["cat", "dog"], 3, "yolox")
