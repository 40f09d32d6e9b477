"""Addresses of cameras as people write them: the right reading, or the right sentence, and never a password."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon import addresses
from edge_daemon.config.load import loads
from edge_daemon.config.sources import camera_names
from edge_daemon.errors import ConfigError


def source_of(text: str) -> str:
    """The source as it is understood."""
    quoted = text.replace("'", "''")
    return (
        loads(f"cameras: {{door: {{source: '{quoted}'}}}}\nmodels: {{person: {{path: 'builtin:person'}}}}")
        .cameras["door"]
        .source
    )


def problem_with(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        source_of(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("RTSP://10.0.0.4/s", "rtsp://10.0.0.4/s"),
        ("Http://cam/v?x=a@b", "http://cam/v?x=a@b"),
        ("rtsp://admin:p%40ss@10.0.0.4:8554/s", "rtsp://admin:p%40ss@10.0.0.4:8554/s"),
        ("rtsp://10.0.0.4:554/live@main", "rtsp://10.0.0.4:554/live@main"),
        ("rtsp://[fe80::1]:554/live@main", "rtsp://[fe80::1]:554/live@main"),
        ("rtsp://camera/live@main", "rtsp://camera/live@main"),
        ("rtsp://a:b@c@10.0.0.4/s", "rtsp://a:b@c@10.0.0.4/s"),
        ("  rtsp://10.0.0.4/s ", "rtsp://10.0.0.4/s"),
    ],
)
def test_what_is_right_is_understood(written: str, understood: str) -> None:
    assert source_of(written) == understood


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("rtsp://admin:s3cret@cam:99999/s", "a port from 1 to 65535"),
        ("rtsp://admin:s3cret@cam:554s/s", "a port from 1 to 65535"),
        ("http://cam:0/s", "a port from 1 to 65535"),
        ("rtsp//10.0.0.4/s", "must begin with rtsp:// if it is a URL"),
        ("RTSP:/10.0.0.4/s", "must begin with rtsp:// if it is a URL"),
        ("rtsp:admin:s3cret@10.0.0.4/s", "must begin with rtsp:// if it is a URL"),
        ("https//cam/s", "must begin with https:// if it is a URL"),
        ("10.0.0.4/s", "rtsp:// or http:// in front of the host"),
        ("10.0.0.4:554/s", "rtsp:// or http:// in front of the host"),
        ("admin:s3cret@10.0.0.4/s", "rtsp:// or http:// in front of the host"),
        ("camera.local:8080/video", "rtsp:// or http:// in front of the host"),
        ("rtsp://admin:1234#s3cret@10.0.0.4/s", "%2F %3F %23 %40"),
        ("rtsp://admin:1234?s3cret@10.0.0.4/s", "%2F %3F %23 %40"),
        ("rtsp://admin:1234/s3cret@10.0.0.4/s", "%2F %3F %23 %40"),
        ("rtsp://ad#min:s3cret@10.0.0.4:554/s", "%2F %3F %23 %40"),
        ("rtsp://admin:s3cret", "%2F %3F %23 %40"),
        ("rtsp://admin:s3cret word@10.0.0.4/s", "%2F %3F %23 %40"),
        ("rtsp://10.0.0.4\u00a0/s", "cannot be seen"),
        ("rtsp://10.0.0.4/\u200bs", "cannot be seen"),
        ("\u00a0rtsp://admin:s3cret@10.0.0.4/\u200bs", "cannot be seen"),
        ("rtsp://admin:\u201cs3cret\u201d@10.0.0.4/s", "typographic quote"),
        ("\u200brtsp://admin:s3cret@10.0.0.4/s", "in front of the host"),
    ],
)
def test_what_is_wrong_is_called_so_without_its_password(written: str, sentence: str) -> None:
    shown = problem_with(written)
    assert sentence in shown
    assert "s3cret" not in shown
    assert "s3cret" not in camera_names([written])[0]


@pytest.mark.parametrize(
    "path", ["clip.mp4", "./10.0.0.4/clip.mp4", "videos/a@b.mp4", "/data/a:b@c.mp4", "2024-01-01_12:30.mp4"]
)
def test_paths_stay_paths(path: str) -> None:
    assert source_of(path).endswith(path.removeprefix("./"))


@given(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="'"), min_size=3, max_size=12))
def test_no_password_is_shown_whatever_it_contains(password: str) -> None:
    secret = f"7x{password}x7"
    for text in (f"rtsp://admin:{secret}@10.0.0.4/s", f"rtsp//admin:{secret}@10.0.0.4/s", f"admin:{secret}@10.0.0.4/s"):
        with suppress(ConfigError):
            source_of(text)
            continue
        assert secret not in problem_with(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.Example:443", "https://a.example"),
        ("http://10.0.0.7:3000", "http://10.0.0.7:3000"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_an_origin_is_as_browsers_send_it(text: str, origin: str) -> None:
    assert addresses.origin(text) == origin


@pytest.mark.parametrize(
    "text", ["*", "null", "a.example", "https://a.example/", "ftp://a", "https://u@a", "http://a:0"]
)
def test_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        addresses.origin(text)
