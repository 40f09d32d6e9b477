"""What is said about tests that were skipped for want of a component."""

import pytest

from tests.components import require_component, skipped_without


def reason_without(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Why a test is skipped that needs a component which is missing."""
    monkeypatch.setenv("CI", "")
    monkeypatch.setattr("tests.components._present", lambda _: False)
    with pytest.raises(pytest.skip.Exception) as skipped:
        require_component(name)
    return f"Skipped: {skipped.value}"


def test_the_last_line_counts_skipped_tests_by_component(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["chromium", "rtsp-server", "rtsp-server", "git"]
    reasons = [reason_without(name, monkeypatch) for name in names]
    assert skipped_without([*reasons, "Skipped: no shared data"]) == (
        "skipped: 2 for want of rtsp-server, 1 for want of chromium; "
        "as root, tools/components.sh installs what is missing"
    )
    assert skipped_without(["Skipped: needs root, and leave to make namespaces"]) == ""
