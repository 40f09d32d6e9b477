"""Assigns frames to workers, and reports to the sink what became of every frame."""
