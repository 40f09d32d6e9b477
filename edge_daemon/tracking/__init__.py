"""Tracks: the same object in one result after another, whatever time lies between.

Pure: no clock, no file, no socket. `Tracker` receives detections with the camera time of their frame, and the account
of the frames in between. All constants are in seconds and in heights of a box; none depends on a frame rate.
"""
