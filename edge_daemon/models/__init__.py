"""Loads an ONNX file as a model: BGR pictures in, detections in pixels of the picture out.

Workers use `model.Model`; the other modules are its parts, and only `session` depends on ONNX Runtime.
"""
