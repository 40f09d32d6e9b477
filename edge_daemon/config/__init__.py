"""The configuration: its YAML keys, their checks, and error messages with file, line and key.

This file imports nothing, so that a process can use `sources` without loading pydantic.
"""
