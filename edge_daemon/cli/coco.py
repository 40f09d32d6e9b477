"""Pictures and boxes of events for training, as COCO has them (cocodataset.org/#format-data)."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from edge_daemon.settings import StorageSettings
from edge_daemon.store.media import find
from edge_daemon.store.reader import Event, Reader

IMAGES, ANNOTATIONS = "images", "annotations.json"


def write(events: Iterable[Event], reader: Reader, storage: StorageSettings, output: Path) -> int:
    """Copy the stills of events into `images/`, and write the boxes of their tracks; events that were wrong have none,
    as pictures of what is no such object. Return the number of pictures.

    Raises:
        OSError: a file cannot be written.
        StoreAway: the store cannot be read.
    """
    (output / IMAGES).mkdir()
    images, annotations, classes = list[dict[str, Any]](), list[dict[str, Any]](), dict[str, int]()
    for event in events:
        still = find(storage, event["camera"], event["id"], "still")
        if event["still_seq"] is None or event.get("still_off_s") is not None or not still.exists():
            continue  # there is none, or it is of another stream, where its boxes are elsewhere
        with Image.open(still) as picture:
            width, height = picture.size
        shutil.copyfile(still, output / IMAGES / still.name)
        images.append(
            {
                "id": len(images) + 1,
                "file_name": still.name,
                "width": width,
                "height": height,
                "date_captured": event["began_at"],
                "event": event["id"],
                "camera": event["camera"],
                "rule": event["rule"],
                "wrong": event["wrong"],
            }
        )
        for track in [] if event["wrong"] else reader.tracks_at(event, event["still_seq"]):
            left, top, right, bottom = _within(track["xyxy"], width, height)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": classes.setdefault(track["class_name"], len(classes) + 1),
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": 0,
                    "score": track["confidence"],
                }
            )
    categories = [{"id": number, "name": name} for name, number in classes.items()]
    found = {"images": images, "annotations": annotations, "categories": categories}
    (output / ANNOTATIONS).write_text(json.dumps(found, indent=1) + "\n")
    return len(images)


def _within(xyxy: list[float], width: int, height: int) -> list[float]:
    """A box, cut at the border of its picture."""
    return [round(min(max(value, 0.0), most), 2) for value, most in zip(xyxy, (width, height) * 2, strict=True)]
