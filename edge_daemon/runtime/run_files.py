"""Files in the folder of a run, which its processes leave to one another, and to those that take their place."""

from pathlib import Path

LOG = "log.jsonl"
"""The last lines of the log."""
HISTORY = "history.jsonl"
"""Rates and losses of the last hour."""


def of_model(folder: Path, model: str) -> Path:
    """The description of a model, as its worker has read it."""
    return folder / f"model-{model}.json"
