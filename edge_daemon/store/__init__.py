"""What happened, kept on disk: events, ends of tracks, and counts, with the clips and stills of events.

A journal of JSON lines is the truth, an SQLite database its index. The recorder writes, anybody on the machine reads.
"""
