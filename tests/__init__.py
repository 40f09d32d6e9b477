"""Tests; `tests.waiting` and `tests.components` serve all of them."""
