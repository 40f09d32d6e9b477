"""Captions in any script are readable, whatever fonts there are, and cost nothing the second time."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from edge_daemon.imaging.fonts import Face, Fonts
from edge_daemon.imaging.labels import LONGEST, Labels, line_height

BUILT_IN = Labels(Fonts([]))
OF_MACHINE = Labels(Fonts())


def same(one: str, other: str, labels: Labels = BUILT_IN) -> bool:
    return np.array_equal(labels.mask(one, 16), labels.mask(other, 16))


@pytest.fixture
def latin(tmp_path: Path) -> Path:
    """A real font file: the one that is built into Pillow."""
    font = ImageFont.load_default(16)
    assert isinstance(font, ImageFont.FreeTypeFont)
    path = tmp_path / "fonts" / "below" / "Latin.ttf"
    path.parent.mkdir(parents=True)
    path.write_bytes(font.font_bytes)
    return path


def test_a_caption_is_ink_on_a_line_of_fixed_height() -> None:
    for size in (8, 16, 40):
        mask = BUILT_IN.mask("Åy person 0.91", size)
        assert mask.dtype == np.uint8
        assert mask.shape[0] == line_height(size)
        assert mask.max() > 150
    assert BUILT_IN.mask("", 16).shape == (line_height(16), 0)


def test_new_numbers_render_no_names_again() -> None:
    labels = Labels(Fonts([]))
    for hundredths in range(101):
        for name in ("person", "dog", "traffic light"):
            labels.mask(f"{name} {hundredths / 100:.2f}", 16)
    assert labels._part.cache_info().misses == 3 + 101


def test_what_is_remembered_is_bounded() -> None:
    labels = Labels(Fonts([]))
    for number in range(600):
        labels.mask(f"person #{number}", 8)
    assert labels._part.cache_info().currsize <= 512


def test_characters_of_no_font_are_spelled_out() -> None:
    assert same("中文 0.5", "U+4E2D U+6587 0.5")
    assert same("a中b", "a U+4E2D b")
    assert same("café ﬁ…", "cafe fi...")


def test_control_characters_and_broken_text_are_tamed() -> None:
    assert same("a\x00b\x1b\u202ec\ud800\ufe0f", "abc")
    assert same(" a\n\tb\u2028 c ", "a b c")


def test_long_captions_are_cut_and_keep_their_number() -> None:
    cut = "x" * (LONGEST - 1) + "…"
    assert same("x" * 10_000, cut)
    assert same("x" * 10_000 + " 0.91", cut + " 0.91")


@pytest.mark.parametrize("labels", [BUILT_IN, OF_MACHINE])
@given(text=st.text(st.characters(), max_size=60), size=st.integers(6, 40))
def test_any_text_can_be_rendered(labels: Labels, text: str, size: int) -> None:
    mask = labels.mask(text, size)
    assert mask.shape[0] == line_height(size)
    assert mask.shape[1] < 10 * size * LONGEST


@pytest.mark.parametrize("text", ["person", "Straße", "Привет", "شخص", "שלום", "人", "日本語", "คน", "व्यक्ति", "🙂"])
def test_every_script_leaves_ink_that_is_its_own(text: str) -> None:
    mask = OF_MACHINE.mask(text, 24)
    assert mask.max() > 200
    assert not same(text, "\U0010fffd" * len(text), OF_MACHINE)


def test_fonts_are_found_below_folders_and_asked_first(latin: Path) -> None:
    fonts = Fonts([latin.parent.parent, "/nowhere", "~nobody-of-that-name/fonts"])
    assert [face.path for face in fonts.faces] == [latin, None]
    face = fonts.face_for("A")
    assert face is not None
    assert face.path == latin
    assert fonts.face_for("中") is None
    assert Labels(fonts).mask("person 0.91", 16).max() > 200


def test_upright_plain_fonts_come_first(tmp_path: Path) -> None:
    names = [
        "Zapf.otf",
        "DejaVuSans-Bold.ttf",
        "NotoSansCJK-Regular.ttc",
        "DejaVuSans.ttf",
        "NotoSans-Regular.ttf",
        "a.txt",
    ]
    for name in names:
        (tmp_path / name).touch()
    found = [face.path.name for face in Fonts([tmp_path]).faces if face.path]
    assert found == [names[3], names[4], names[2], names[0], names[1]]


def test_a_font_covers_what_it_has_glyphs_for(latin: Path) -> None:
    face = Face(latin)
    assert all(face.covers(char) for char in "AZaz09%#. ")
    assert not any(face.covers(char) for char in "\x00\ud800\uffff中ش\U0010ffff")


def test_the_first_font_of_a_collection_is_used(latin: Path) -> None:
    font = bytearray(latin.read_bytes())
    header = b"ttcf" + struct.pack(">HHII", 1, 0, 1, 16)
    for record in range(12, 12 + 16 * int.from_bytes(font[4:6], "big"), 16):
        (offset,) = struct.unpack_from(">I", font, record + 8)
        struct.pack_into(">I", font, record + 8, offset + len(header))
    collection = latin.with_suffix(".ttc")
    collection.write_bytes(header + font)
    face = Face(collection)
    assert face.covers("A")
    assert not face.covers("中")


def test_files_that_are_no_fonts_are_passed_over(latin: Path, tmp_path: Path) -> None:
    (tmp_path / "Empty.ttf").touch()
    (tmp_path / "Cut.ttf").write_bytes(latin.read_bytes()[:300])
    (tmp_path / "Gone.ttf").symlink_to(tmp_path / "nowhere")
    fonts = Fonts([tmp_path])
    assert len(fonts.faces) == 5
    face = fonts.face_for("A")
    assert face is not None
    assert face.path == latin


@given(data=st.data())
def test_damaged_fonts_are_usable_or_not(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    font = ImageFont.load_default(16)
    assert isinstance(font, ImageFont.FreeTypeFont)
    damaged = bytearray(font.font_bytes)
    cmap = damaged.index(b"cmap")
    table = int.from_bytes(damaged[cmap + 8 : cmap + 12], "big")
    places = st.one_of(st.integers(0, 300), st.integers(table, table + 400))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(places)] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "Font.ttf"
    path.write_bytes(damaged)
    assert Face(path).covers("A") in (True, False)
