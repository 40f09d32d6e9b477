"""A configuration file that gets other values."""

from pathlib import Path

import pytest

from edge_daemon.config.load import load
from edge_daemon.config.rewrite import rewrite
from edge_daemon.errors import ConfigError, StartError

TEXT = "# ours\ncameras: {a: {source: 'scene:'}}\nmodels:\n  m:\n    path: builtin:person  # for now\n"


def test_the_file_is_replaced_and_keeps_what_it_was(tmp_path: Path) -> None:
    path, link = tmp_path / "c.yaml", tmp_path / "link.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    path.chmod(0o640)
    link.symlink_to(path)
    rewrite(link, {("models", "m", "workers"): 3})
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() == b"\xef\xbb\xbf" + TEXT.encode() + b"    workers: 3\n"
    assert load(path).models["m"].workers == 3
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_a_configuration_that_would_be_wrong_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(TEXT)
    with pytest.raises(ConfigError, match="workers"):
        rewrite(path, {("models", "m", "workers"): 0})
    assert path.read_text() == TEXT


def test_a_file_that_has_gone(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot write"):
        rewrite(tmp_path / "c.yaml", {("models", "m", "workers"): 2})
