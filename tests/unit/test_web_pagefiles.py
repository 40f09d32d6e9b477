"""Files of the page: compressed for browsers that can take it, and not sent again to those that have them."""

import gzip
from pathlib import Path

import pytest
from fastapi import Request

from edge_daemon.web.pagefiles import KINDS, PageFile

TEXT = b"let a = 1;\n" * 100


def request(**headers: str) -> Request:
    listed = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "headers": listed})


@pytest.fixture
def file(tmp_path: Path) -> PageFile:
    path = tmp_path / "a.js"
    path.write_bytes(TEXT)
    return PageFile(path)


def test_it_is_compressed_where_that_is_accepted(file: PageFile) -> None:
    plain, small = file.response(request()), file.response(request(accept_encoding="gzip, br"))
    assert plain.body == TEXT
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert gzip.decompress(bytes(small.body)) == TEXT
    assert plain.headers["content-type"] == small.headers["content-type"] == "text/javascript; charset=utf-8"


def test_a_browser_that_has_it_gets_no_other_copy(file: PageFile) -> None:
    tag = file.response(request()).headers["etag"]
    assert file.response(request(if_none_match=f'"other", {tag}')).status_code == 304
    assert file.response(request(if_none_match='"other"')).status_code == 200


def test_another_content_has_another_tag(tmp_path: Path) -> None:
    tags = set()
    for content in (b"one", b"two"):
        (tmp_path / "a.css").write_bytes(content)
        tags.add(PageFile(tmp_path / "a.css").response(request()).headers["etag"])
    assert len(tags) == 2


def test_every_file_of_the_page_has_a_kind() -> None:
    folder = Path(__file__).parents[2] / "edge_daemon" / "web" / "page"
    assert {one.suffix[1:] for one in folder.iterdir()} - {"LICENSE"} <= set(KINDS)
