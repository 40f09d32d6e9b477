"""Pictures of every kind that people send become upright RGB, or are refused in words."""

import contextlib
import io
import resource
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge_daemon.errors import PictureError
from edge_daemon.imaging.colour import Pixels, bgr_to_rgb, rgb_array
from edge_daemon.imaging.pictures import read_bgr, read_rgb

# Four plain quarters: red and green above, blue and white below; large enough for JPEG to keep them apart.
QUARTERS = np.repeat(
    np.repeat(np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8), 16, 0), 24, 1
)


def file(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def both(data: bytes) -> Pixels:
    """Read a picture either way, which must agree, and give it as RGB."""
    rgb = rgb_array(read_rgb(data))
    assert np.array_equal(bgr_to_rgb(read_bgr(data)), rgb)
    return rgb


def assert_close(found: Pixels, wanted: Pixels, by: int) -> None:
    assert found.shape == wanted.shape
    # Away from the edges between quarters, where lossy codecs blur.
    assert np.abs(found[4:-4:8, 4:-4:8].astype(int) - wanted[4:-4:8, 4:-4:8]).max() <= by


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_common_formats(kind: str) -> None:
    image = Image.fromarray(QUARTERS)
    try:
        data = file(image, kind)
    except (KeyError, OSError) as error:
        pytest.skip(f"Pillow writes no {kind} here: {error}")
    assert_close(both(data), QUARTERS, 8 if kind in ("JPEG", "WEBP", "AVIF") else 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {
        1: QUARTERS,
        2: QUARTERS[:, ::-1],
        3: QUARTERS[::-1, ::-1],
        4: QUARTERS[::-1],
        5: QUARTERS.transpose(1, 0, 2),
        6: np.rot90(QUARTERS, -1),
        7: QUARTERS[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(QUARTERS),
    }
    data = file(Image.fromarray(QUARTERS), kind, exif=exif)
    assert_close(both(data), turned[orientation], 8)
    assert read_rgb(data).getexif().get(0x0112) in (None, 1)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "PA"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_other_kinds_of_pixels(kind: str, mode: str) -> None:
    image = Image.fromarray(QUARTERS)
    data = file(
        image.convert(mode) if mode != "PA" else image.convert("P").convert("PA"),
        *[kind] if mode != "PA" else ["TIFF"],
    )
    grey = np.asarray(image.convert("L").convert("RGB"))
    wanted = {"L": grey, "LA": grey, "1": np.asarray(image.convert("1").convert("RGB"))}.get(mode, QUARTERS)
    assert np.array_equal(both(data), wanted)


def test_transparency_lies_on_white() -> None:
    image = Image.fromarray(QUARTERS).convert("RGBA")
    image.putalpha(128)
    assert both(file(image, "PNG"))[0, 0].tolist() == [255, 127, 127]
    keyed = file(Image.fromarray(QUARTERS), "PNG", transparency=(255, 0, 0))
    assert both(keyed)[0, 0].tolist() == [255, 255, 255]
    palette = Image.fromarray(QUARTERS).convert("P")
    data = file(palette, "GIF", transparency=palette.getpixel((0, 0)))
    assert both(data)[0, 0].tolist() == [255, 255, 255]


def test_sixteen_bits_become_eight() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(2, 0)
    for kind in ("PNG", "TIFF"):
        grey = both(file(Image.fromarray(ramp), kind))
        assert np.array_equal(grey[0, :, 0], np.arange(256))
        assert np.array_equal(grey[:, :, 0], grey[:, :, 2])
    colour = np.stack([ramp, ramp // 2, ramp * 0], axis=2)
    done, encoded = cv2.imencode(".png", colour)  # in BGR
    assert done
    assert both(encoded.tobytes())[0, 255].tolist() == [0, 127, 255]


def test_cmyk_becomes_rgb_also_when_inverted_by_adobe() -> None:
    cmyk = Image.fromarray(QUARTERS).convert("CMYK")
    assert_close(both(file(cmyk, "TIFF")), QUARTERS, 0)
    inverted = file(cmyk, "JPEG", quality=95)  # Pillow writes what Photoshop does
    assert b"Adobe" in inverted[:64]
    assert_close(both(inverted), QUARTERS, 8)


@pytest.mark.parametrize(("mode", "kind"), [("I", "32-bit integer"), ("F", "floating-point")])
def test_pixels_without_a_known_range_are_refused(mode: str, kind: str) -> None:
    with pytest.raises(PictureError, match=f"{kind} pixels are not supported"):
        read_rgb(file(Image.new(mode, (4, 4)), "TIFF"))


@pytest.mark.parametrize(("data", "reason"), [(b"", ": it is empty"), (b"<html>", "")])
def test_other_files_are_refused(data: bytes, reason: str) -> None:
    for read in (read_rgb, read_bgr):
        with pytest.raises(PictureError, match=rf"not a picture in a supported format \([A-Z, ]*\){reason}$"):
            read(data)


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            *(
                struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
                for chunk in (head, b"IDAT" + data, b"IEND")
            ),
        ]
    )


def resized(kind: str, side: int) -> bytes:
    """Give a small picture whose header says that it is `side` pixels wide and high."""
    small = file(Image.new("RGB", (16, 16), "red"), kind)
    if kind == "JPEG":
        at = small.index(b"\xff\xc0") + 5
        return small[:at] + struct.pack(">HH", side, side) + small[at + 4 :]
    if kind == "BMP":
        return small[:18] + struct.pack("<ii", side, side) + small[26:]
    if kind == "GIF":
        return small[:6] + struct.pack("<HH", side, side) + small[10:]
    canvas = (side - 1).to_bytes(3, "little") * 2
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas


@pytest.mark.parametrize("side", [10_000, 16_000, 60_000])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bombs_are_refused_before_they_are_decoded(kind: str, side: int) -> None:
    data = png_header(side, side) if kind == "PNG" else resized(kind, side)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (read_rgb, read_bgr):
        with pytest.raises(PictureError, match="too large"):
            read(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000


def test_a_limit_of_the_callers_is_kept() -> None:
    data = file(Image.new("RGB", (10, 10)), "BMP")
    assert read_rgb(data, max_pixels=100).size == (10, 10)
    with pytest.raises(PictureError, match="10x10 is too large: the limit is 99 pixels"):
        read_rgb(data, max_pixels=99)


SOURCES = [
    file(
        Image.fromarray(QUARTERS),
        "JPEG",
        exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
    ),
    file(Image.fromarray(QUARTERS).convert("CMYK"), "JPEG"),
    file(Image.fromarray(QUARTERS).convert("P"), "PNG"),
    file(Image.fromarray(QUARTERS), "WEBP"),
    file(Image.fromarray(QUARTERS), "BMP"),
    file(Image.fromarray(QUARTERS), "TIFF", compression="tiff_lzw"),
    file(Image.fromarray(QUARTERS), "GIF"),
]


@given(data=st.data())
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_are_refused_or_read(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(SOURCES)))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    for read in (read_rgb, read_bgr):
        with contextlib.suppress(PictureError):
            assert np.asarray(read(bytes(damaged))).ndim == 3


@pytest.mark.parametrize("source", SOURCES)
@given(kept=st.floats(0, 0.9))
@pytest.mark.filterwarnings("ignore")
def test_truncated_files_are_refused(source: bytes, kept: float) -> None:
    for read in (read_rgb, read_bgr):
        with pytest.raises(PictureError):
            read(source[: int(kept * len(source))])


def test_photographs_are_what_opencv_makes_of_them(shared_data: Path) -> None:
    photographs = sorted((shared_data / "images").glob("*.jp*g"))
    assert photographs
    for photograph in photographs:
        data = photograph.read_bytes()
        wanted = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert wanted is not None
        assert np.array_equal(read_bgr(data), wanted)
        assert np.array_equal(both(data), bgr_to_rgb(np.asarray(wanted, np.uint8)))
