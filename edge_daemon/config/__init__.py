"""What people write: the YAML, its keys, and every way of saying what is wrong with it.

Nothing is imported here, so that a process can ask `sources` what a source is without loading pydantic.
"""
