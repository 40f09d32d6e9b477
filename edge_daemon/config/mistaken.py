"""Recognises what was given in place of a configuration: a model, a video, a picture, an address of a camera."""

import re
from pathlib import Path

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:/", re.IGNORECASE)  # a path has one slash where the URL had two
_MODELS = {".onnx", ".ort"}
_OTHER_MODELS = {".pt", ".pth", ".tflite", ".engine", ".h5", ".keras", ".pb", ".safetensors", ".mlmodel", ".blob"}
_VIDEOS = {".mp4", ".mkv", ".avi", ".mov", ".webm", ".ts", ".m4v", ".mjpg", ".mjpeg", ".flv", ".wmv", ".h264", ".h265"}
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}


def is_address(path: Path) -> bool:
    """True for a URL that was taken for a path, or `scene:`."""
    return bool(_ADDRESS.match(str(path))) or str(path).startswith("scene:")


def sentence(path: Path) -> str | None:
    """The kind of file that `path` is by its name, and the command for it; None if it may be a configuration."""
    if is_address(path):
        return (
            "this is the address of a camera, not a configuration; see it: edge-daemon probe ADDRESS, "
            "run a model on it: edge-daemon run --source ADDRESS --model zoo:yolox-nano"
        )
    suffix = path.suffix.lower()
    if suffix in _MODELS:
        run = f"run it: edge-daemon run --source SOURCE --model {path}"
        return f"{path}: is a model; {run}, explain it: edge-daemon inspect {path}"
    if suffix in _OTHER_MODELS:
        return f"{path}: is a model of another format; export it to ONNX first (docs/models.md)"
    if suffix in _VIDEOS:
        return f"{path}: is a video; run a model on it: edge-daemon run --source {path} --model zoo:yolox-nano"
    if suffix in _PICTURES:
        return f"{path}: is a picture; run a model on it: edge-daemon inspect zoo:yolox-nano {path}"
    return None
