"""From the results of a camera and model to tracks, counts and events: tracking, zones and rules together.

Knows no clock, socket or file: the sink drives it, and so do the commands that go over a results file again.
"""
