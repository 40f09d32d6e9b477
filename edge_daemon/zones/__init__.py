"""Lines, zones and counts of one camera and model.

Pure: no clock, no file, no socket. `CameraZones` receives the tracks of one look after another and returns facts: who
entered, who left, who crossed a line. `CoveredTime` knows how much of the time was looked at, `Counts` adds up.
"""
