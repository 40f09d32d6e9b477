"""The messages between processes, and the JSON that subscribers receive; one module per subject.

Between processes a message is a tagged MessagePack map; a picture travels beside it as a part of its own, never inside.
The tag carries the version, so that a peer of another version can be recognised. Times that are compared are
nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share; `captured_at` is for people.
"""
