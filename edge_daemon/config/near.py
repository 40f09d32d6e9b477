"""The file that was probably meant by the name of one that is not there."""

from itertools import islice
from pathlib import Path

from edge_daemon.config.problems import close

MOST = 2000
"""Names of a folder that are looked at."""


def near(path: Path) -> str:
    """The end of a sentence, `; did you mean cameras.yaml?`; empty if no name in the folder is similar."""
    try:
        stems = [other.stem for other in islice(path.parent.iterdir(), MOST) if other.suffix == path.suffix]
    except OSError:
        return ""
    guess = close(path.stem, stems)
    return f"; did you mean {guess}{path.suffix}?" if guess else ""
