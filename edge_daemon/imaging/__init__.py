"""Pictures: codecs, colour order, and drawing of boxes, masks, keypoints and labels.

Used by captures, workers and the sink. Nothing outside this package converts between BGR and RGB.
"""
