"""Files of lines that stay small, and lose only the oldest lines."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.line_file import append, backwards


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(1, 200))
def test_the_newest_lines_are_kept_in_order_and_the_files_stay_small(numbers: list[int], most: int) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder, "lines")
        for number in numbers:
            append(path, b"%d" % number, most)
        kept = [int(line) for line in backwards(path)]
        assert kept == numbers[::-1][: len(kept)]
        assert sum(len(str(number)) + 1 for number in kept) >= min(most, sum(len(str(n)) + 1 for n in numbers))
        assert all(file.stat().st_size <= most + 11 for file in path.parent.iterdir())


def test_lines_of_several_writers_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: append(path, b"%04d" % number * 20, 5000), range(400)))
    lines = list(backwards(path))
    assert len(lines) >= 50
    assert all(line == line[:4] * 20 for line in lines)


def test_where_there_is_no_file_there_are_no_lines(tmp_path: Path) -> None:
    assert list(backwards(tmp_path / "lines")) == []
