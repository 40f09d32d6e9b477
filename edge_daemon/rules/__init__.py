"""Rules: from facts and occupancy of one camera and model to events.

Pure: no clock, no file, no socket. `Rules` receives one `View` after another, which is a look with all that zones and
lines made of it, and returns the phases of events.
"""
