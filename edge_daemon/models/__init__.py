"""An ONNX file as a model: BGR pictures in, boxes in pixels of the picture out.

`model.Model` is what workers use; the other modules are its parts, and only `session` knows
ONNX Runtime.
"""
