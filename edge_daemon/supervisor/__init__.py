"""Starts, watches, restarts and stops every process."""
