"""What moves between bytes, OpenCV and Pillow, and what is drawn: codecs, colour order, boxes, labels.

Used by captures, workers and the sink. Nothing outside this package converts between BGR and RGB.
"""
