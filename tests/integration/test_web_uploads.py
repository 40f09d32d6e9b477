"""What is found in uploads: files, forms, inference requests, and sentences about the rest."""

import asyncio
import base64
import json
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from edge_daemon.imaging.pictures import read_bgr
from edge_daemon.messages.frames import Input
from edge_daemon.web.decoders import Decoders, RefusedError
from edge_daemon.web.inference import OUTPUTS
from tests.progressive import progressive
from tests.uploads import MAX_BYTES, MAX_PIXELS, NOISE, Result, file, pixels, task

Decode = Callable[..., Result]
Refused = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def decode() -> Iterator[Decode]:
    with asyncio.Runner() as runner, closing(Decoders(MAX_PIXELS, MAX_BYTES, 60.0)) as decoders:

        def decode(data: bytes, kind: str = "file", **more: Any) -> Result:
            return runner.run(decoders.decode(task(kind, **more), data))

        yield decode


@pytest.fixture
def refused(decode: Decode) -> Refused:
    def refused(data: bytes, kind: str = "file", **more: Any) -> tuple[int, str]:
        with pytest.raises(RefusedError) as caught:
            decode(data, kind, **more)
        return caught.value.status, str(caught.value)

    return refused


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_pixels_are_those_of_the_reader(decode: Decode, kind: str) -> None:
    data = file(kind)
    result = decode(data)
    assert (result[0].width, result[0].height, result[0].scaled) == (64, 48, None)
    assert np.array_equal(pixels(result), read_bgr(data))


@pytest.mark.parametrize(
    ("input", "scaled"),
    [
        (Input(width=320, height=320), (334, 250)),
        (Input(width=100, height=100), (167, 125)),
        (Input(width=333, height=333, stretch=True), (667, 500)),
        (Input(width=224, height=224, crop=256 / 224), (667, 500)),
        (Input(width=2000, height=2000), None),
        (None, None),
    ],
)
def test_a_jpeg_is_no_larger_than_the_model_needs(
    decode: Decode, input: Input | None, scaled: tuple[int, int] | None
) -> None:
    image = Image.fromarray(cv2.resize(NOISE, (1334, 1000), interpolation=cv2.INTER_CUBIC))
    result = decode(file("JPEG", image), input=input)
    assert (result[0].width, result[0].height, result[0].scaled) == (1334, 1000, scaled)
    assert pixels(result).shape == ((scaled or (1334, 1000))[1], (scaled or (1334, 1000))[0], 3)
    assert decode(file("PNG", image), input=input)[0].scaled is None


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"", 422, "there is no picture in the request"),
        (b"hello", 415, "not a picture in a supported format"),
        (file("JPEG")[:500], 415, "damaged or incomplete"),
        (file("PNG", Image.new("1", (9000, 9000))), 413, "too large"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(refused: Refused, data: bytes, status: int, says: str) -> None:
    found, why = refused(data)
    assert (found, says in why) == (status, True)


# forms and inference requests


def form(*parts: tuple[str, bytes], boundary: bytes = b"xyz") -> bytes:
    body = b"".join(
        b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (boundary, disposition.encode(), content)
        for disposition, content in parts
    )
    return body + b"--%b--\r\n" % boundary


FORM = {"kind": "form", "content_type": "multipart/form-data; boundary=xyz"}
FILE = 'name="f"; filename="a.png"'


def test_the_file_of_a_form(decode: Decode) -> None:
    data = form(('name="note"', b"x" * 100_000), (FILE, file("PNG")), ('name="more"', b""))
    assert np.array_equal(pixels(decode(data, **FORM)), NOISE[..., ::-1])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (form(('name="note"', b"x")), "there is no picture"),
        (form((FILE, b"")), "there is no picture"),
        (form((FILE, b"1"), (FILE, b"2")), "more than one file"),
        (form(*[('name="n"', b"")] * 11, (FILE, b"1")), "more than 10 fields"),
        (b"hello", "cannot be read"),
        (form((FILE, b"1"))[:60], "there is no picture"),
        (b"--xyz\r\nX: " + b"a" * 1_000_000, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_form(refused: Refused, data: bytes, says: str) -> None:
    status, why = refused(data, **FORM)
    assert (status, says in why) == (422, True), why


def test_a_form_without_a_boundary(refused: Refused) -> None:
    assert refused(form((FILE, b"1")), "form", content_type="multipart/form-data")[0] == 422


def encoded(*pictures: bytes) -> list[str]:
    return [base64.b64encode(one).decode() for one in pictures]


@pytest.mark.parametrize("before", ["", "data:image/png;base64,"])
def test_a_picture_in_json(decode: Decode, before: str) -> None:
    (text,) = encoded(file("PNG"))
    result = decode(json.dumps({"image": before + text}).encode(), "json")
    assert np.array_equal(pixels(result), NOISE[..., ::-1])
    assert result[0].count is None


def test_several_pictures_in_json(decode: Decode) -> None:
    shades = [Image.new("RGB", (4, 4), (grey, grey, grey)) for grey in (10, 20, 30)]
    body = json.dumps({"images": encoded(*(file("PNG", shade) for shade in shades))}).encode()
    results = [decode(body, "json", index=index) for index in range(3)]
    assert [(one[0].count, int(pixels(one)[0, 0, 0])) for one in results] == [(3, 10), (3, 20), (3, 30)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no picture"),
        (b"{", "the JSON cannot be read"),
        (b"[]", 'expected {"image": "BASE64"}'),
        (b"{}", 'expected {"image": "BASE64"}'),
        (b'{"image": "", "images": [""]}', "expected"),
        (b'{"image": ""}', "image is empty"),
        (b'{"image": 7}', "the JSON cannot be read"),
        (b'{"image": "AAAA", "size": 3}', "unknown field"),
        (b'{"image": "AA=A"}', "image is not base64"),
        ('{"image": "ä"}'.encode(), "image is not base64"),
        (b'{"images": []}', "the JSON cannot be read"),
        (b'{"images": ["AAAA", 5]}', "the JSON cannot be read"),
        (json.dumps({"images": ["AAAA"] * 33}).encode(), "the JSON cannot be read"),
        (b'{"image": "' + b"[" * 1_000_000 + b'"}', "image is not base64"),
        (b'{"images": ' + b"[" * 1_000_000, "the JSON cannot be read"),
    ],
)
def test_what_is_wrong_with_pictures_in_json(refused: Refused, body: bytes, says: str) -> None:
    status, why = refused(body, "json", index=1 if b"AAAA" in body and b"images" in body else 0)
    assert (status, says in why) == (422, True), why
    assert len(why) < 500


def inference(body: dict[str, Any], binary: bytes = b"") -> tuple[bytes, dict[str, Any]]:
    head = json.dumps(body).encode()
    return head + binary, {"kind": "inference", "head_length": len(head) if binary else None}


def tensor(**more: Any) -> dict[str, Any]:
    return {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 2, 3], **more}]}


@pytest.mark.parametrize(
    "data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]], [[[1, 2, 3], [4, 5, 6]]], [[[[1, 2, 3, 4, 5, 6]]]]]
)
def test_pixels_as_json(decode: Decode, data: Any) -> None:
    body, more = inference(tensor(data=data) | {"id": "7"})
    result = decode(body, **more)
    assert pixels(result).tolist() == [[[3, 2, 1], [6, 5, 4]]]
    assert result[0].asked.id == "7"
    assert result[0].asked.binary == dict.fromkeys(OUTPUTS, False)


def test_pixels_and_files_as_bytes(decode: Decode) -> None:
    parameters: dict[str, Any] = {"parameters": {"binary_data_size": 6, "unknown": [{}]}}
    outputs = [{"name": "xyxy", "parameters": {"binary_data": True}}]
    body, more = inference(tensor(**parameters) | {"outputs": outputs}, bytes(6))
    result = decode(body, **more)
    assert pixels(result).tolist() == [[[0, 0, 0], [0, 0, 0]]]
    assert result[0].asked.binary == {"xyxy": True}
    data = file("PNG")
    parameters = {"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(data) + 4}}
    body, more = inference(tensor(**parameters), struct.pack("<I", len(data)) + data)
    assert np.array_equal(pixels(decode(body, **more)), NOISE[..., ::-1])


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        json.dumps(tensor(data=[1, 2, 3])).encode(),
        json.dumps(tensor(data=[[1, 2, 3, 4, 5], 6])).encode(),
        json.dumps(tensor(data=[1, 2, 3, 4, 5, 256])).encode(),
        json.dumps(tensor(data=[1, 2, 3, 4, 5, "6"])).encode(),
        json.dumps(tensor(data=[[]] * 1_000_000)).encode(),
        json.dumps(tensor(shape=[1, 2, 3, 4, 5])).encode(),
        json.dumps(tensor(shape=[1] * 1_000_000)).encode(),
        json.dumps(tensor(data=[1, 2, 3, 4, 5, 6]) | {"id": "x" * 1_000_000}).encode(),
        json.dumps(tensor(shape=[1 << 62, 1 << 62, 3])).encode(),
        json.dumps(tensor(parameters={"binary_data_size": True})).encode(),
        json.dumps(tensor() | {"outputs": [{"name": "x" * 100_000}]}).encode(),
        json.dumps({"inputs": tensor()["inputs"] * 100_000}).encode(),
    ],
)
def test_what_is_wrong_with_an_inference_request(refused: Refused, body: bytes) -> None:
    status, why = refused(body, "inference")
    assert status == 400
    assert len(why) < 500


def test_pixels_are_limited_as_pictures_are(refused: Refused) -> None:
    body, more = inference(tensor(data=[1, 2, 3, 4, 5, 6]))
    assert refused(body, max_pixels=1, **more)[0] == 413


def test_a_jpeg_that_would_take_minutes_is_refused_before_it_is_decoded(refused: Refused) -> None:
    data = progressive(8000, 8000, 2500)
    assert len(data) < 400_000
    began = time.monotonic()
    status, why = refused(data)
    assert (status, why) == (413, "a JPEG of 8000x8000 with 2500 scans takes too long to decode")
    assert time.monotonic() - began < 10
