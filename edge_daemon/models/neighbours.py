"""Files that exporters write beside a model, by their usual names."""

from pathlib import Path

_OWN = (".txt", ".names", ".labels", "_labels.txt", ".yaml", ".yml")
"""Endings of files that carry the model's own name."""
_USUAL = (
    "labels.txt",
    "labelmap.txt",
    "classes.txt",
    "class_names.txt",
    "names.txt",
    "labels.json",
    "labels.csv",
    "metadata.yaml",
    "infer_cfg.yml",
    "inference.yml",
    "pipeline.json",
    "config.json",
    "preprocessor_config.json",
)


def files_beside(model: Path) -> list[Path]:
    """The files that may describe the model beside them, whether they exist or not, those of its own name first."""
    folder = model.parent
    listed = [folder / f"{model.stem}{end}" for end in _OWN] + [folder / name for name in _USUAL]
    if folder.name == "onnx":  # optimum's exports have their configuration one folder up
        listed += [folder.parent / name for name in ("config.json", "preprocessor_config.json")]
    return [*listed, *sorted(folder.glob("config_infer*.txt"))[:4]]
