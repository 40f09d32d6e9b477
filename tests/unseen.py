"""Judges models with their truths: `python -m tests.unseen FOLDER` reads each NAME.onnx beside a NAME.json.

A truth is described in `truth`; files beside a model belong in a folder of its own, and folders are read in depth.
The exit code is 1 if a model is read wrongly in silence, or a truth is refused that has a finding.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from tests.truth import judged


def main() -> int:
    """Print what is not right, and counts."""
    counts: Counter[str] = Counter()
    failed = 0
    for path in sorted(Path(sys.argv[1]).rglob("*.onnx")):
        truth_file = path.with_suffix(".json")
        if not truth_file.is_file():
            continue
        truth = json.loads(truth_file.read_text())
        verdict = judged(path, truth)
        outcome = "right" if verdict.outcome == "refused" and truth["kind"] == "refuse" else verdict.outcome
        counts[outcome] += 1
        failed += outcome in ("silent", "refused")
        if outcome != "right" or verdict.outcome == "refused":
            print(f"{outcome:8} {path.stem}: {verdict.detail[:220]}")
    print(", ".join(f"{counts[outcome]} {outcome}" for outcome in ("right", "said", "refused", "silent")))
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
