"""Trains the built-in model `person` on generated street scenes and writes it as ONNX.

Needs, besides the package itself, `pip install torch==2.13.0 onnx onnxscript`; runs on a CPU:

    python tools/train_person.py --out edge_daemon/models/builtin/person.onnx

tools/README.md tells how long that takes and what comes out.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from edge_daemon.demo.scene.scene import Scene

RECIPE = "1"
HEIGHT, WIDTH = 288, 512
STRIDES = (8, 16, 32)
FILL = 114
FIRST_SEED = 1_000_000
"""The first seed of the training scenes; smaller ones are unseen, the last of those validate."""
FRAMES_PER_SCENE = 8
VALIDATION_SCENES = 60
MOST_BOXES = 24
SIZES = (
    [(640, 360)] * 8
    + [(1280, 720)] * 3
    + [
        (480, 270),
        (480, 270),
        (960, 540),
        (640, 480),
        (800, 600),
        (320, 180),
        (480, 480),
        (960, 400),
        (360, 480),
    ]
)
CONFIDENCE, NMS_IOU = 0.4, 0.45


# Data


def letterbox(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """The picture in the top left corner of the model's input, and by how much it was scaled."""
    height, width = picture.shape[:2]
    ratio = min(WIDTH / width, HEIGHT / height)
    size = (round(width * ratio), round(height * ratio))
    out = np.full((HEIGHT, WIDTH, 3), FILL, np.uint8)
    out[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    return out, ratio


def render(seed: int) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """Some letterboxed frames of one scene, each with its boxes (n, 4)."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, 99])
    width, height = SIZES[rng.integers(len(SIZES))]
    scene = Scene(seed, width, height, people=int(rng.integers(2, 8)))
    frames = []
    for second in rng.integers(0, 3600 * 15, FRAMES_PER_SCENE):
        picture, people = scene.frame(int(second), 15.0)
        small, ratio = letterbox(picture)
        boxes = np.array([person.xyxy for person in people], np.float32).reshape(-1, 4)
        frames.append((small, boxes * ratio))
    return frames


def generate(folder: Path, first: int, scenes: int, processes: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures (n, height, width, 3) and boxes (n, MOST_BOXES, 4; 0 where unused) of scenes, kept on disk."""
    count = scenes * FRAMES_PER_SCENE
    name = f"{first}-{scenes}-{RECIPE}"
    done = folder / f"{name}.boxes.npy"
    shape = (count, HEIGHT, WIDTH, 3)
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pictures = np.memmap(folder / f"{name}.pictures", np.uint8, "w+", shape=shape)
        boxes = np.zeros((count, MOST_BOXES, 4), np.float32)
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            for i, frames in enumerate(pool.map(render, range(first, first + scenes), chunksize=4)):
                for j, (picture, found) in enumerate(frames, start=i * FRAMES_PER_SCENE):
                    pictures[j] = picture
                    boxes[j, : len(found)] = found[:MOST_BOXES]
                if i % 200 == 199:
                    print(f"{i + 1} of {scenes} scenes rendered", flush=True)
        np.save(done, boxes)
    return np.memmap(folder / f"{name}.pictures", np.uint8, "r", shape=shape), np.load(done)


def held_out(folder: Path, processes: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures and boxes of scenes that are not trained on."""
    return generate(folder, FIRST_SEED - VALIDATION_SCENES, VALIDATION_SCENES, processes)


def augment(pictures: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror half of the pictures (n, 3, height, width; 0-255), and change their brightness and colours."""
    n = len(pictures)
    mirrored = torch.rand(n) < 0.5
    pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
    left, right = WIDTH - boxes[..., 2], WIDTH - boxes[..., 0]
    used = boxes[..., 2] > boxes[..., 0]
    flipped = torch.stack([left, boxes[..., 1], right, boxes[..., 3]], -1) * used[..., None]
    boxes = torch.where(mirrored[:, None, None], flipped, boxes)
    gain = 1 + 0.2 * (torch.rand(n, 1, 1, 1) * 2 - 1) + 0.06 * (torch.rand(n, 3, 1, 1) * 2 - 1)
    lift = 12 * (torch.rand(n, 1, 1, 1) * 2 - 1)
    return (pictures * gain + lift).clamp(0, 255), boxes


# Model


class Conv(nn.Sequential):
    """A convolution with batch normalisation and ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(True),
        )


class Residual(nn.Module):
    """Adds to its input what a convolution makes of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + self.conv(x)


class Detector(nn.Module):
    """A small one-stage detector with YOLOX's outputs: strides 8, 16 and 32, no anchors (Ge et al. 2021)."""

    def __init__(self, stem: int = 12, c2: int = 24, c3: int = 40, c4: int = 56, c5: int = 72) -> None:
        super().__init__()
        self.stem = nn.Sequential(Conv(3, stem, 3, 2), Conv(stem, c2, 3, 2))
        self.stage3 = nn.Sequential(Conv(c2, c3, 3, 2), Residual(c3), Residual(c3))
        self.stage4 = nn.Sequential(Conv(c3, c4, 3, 2), Residual(c4), Residual(c4))
        self.stage5 = nn.Sequential(Conv(c4, c5, 3, 2), Residual(c5), Residual(c5))
        self.lateral5, self.lateral4 = Conv(c5, c4, 1), Conv(c4, c3, 1)
        self.fuse4, self.fuse3 = Conv(c4, c4), Conv(c3, c3)
        self.heads = nn.ModuleList(
            nn.Sequential(Conv(a, b), nn.Conv2d(b, 5, 1)) for a, b in ((c3, c3), (c4, c4), (c5, c4))
        )
        for head in self.heads:
            nn.init.zeros_(head[1].weight)
            nn.init.constant_(head[1].bias, 0.0)
            head[1].bias.data[4] = -4.0
            head[1].bias.data[2:4] = 1.0

    def forward(self, images: Tensor) -> Tensor:
        """Rows (batch, n, 5: dx, dy, log width, log height, logit) of pictures (batch, 3, h, w; 0-255)."""
        x3 = self.stage3(self.stem((images - 114.0) * (1 / 58.0)))
        x4 = self.stage4(x3)
        x5 = self.stage5(x4)
        p4 = self.fuse4(x4 + F.interpolate(self.lateral5(x5), scale_factor=2.0, mode="nearest"))
        p3 = self.fuse3(x3 + F.interpolate(self.lateral4(p4), scale_factor=2.0, mode="nearest"))
        levels = [head(x) for head, x in zip(self.heads, (p3, p4, x5), strict=True)]
        return torch.cat([level.flatten(2) for level in levels], 2).transpose(1, 2)


class Exported(nn.Module):
    """The detector as it is shipped: dx, dy, log width, log height, and probabilities of object and class.

    There is one class, so whatever is an object is a person: the probability of the class is 1.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """Rows (batch, n, 6)."""
        rows = self.detector(images)
        score = rows[..., 4:].sigmoid()
        return torch.cat([rows[..., :4], score, torch.ones_like(score)], -1)


def grids() -> tuple[Tensor, Tensor]:
    """Cell (n, 2: column, row) and stride (n, 1) of every row of the output."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(torch.arange(HEIGHT // stride), torch.arange(WIDTH // stride), indexing="ij")
        cells.append(torch.stack([columns, rows], -1).reshape(-1, 2).float())
        strides.append(torch.full((cells[-1].shape[0], 1), float(stride)))
    return torch.cat(cells), torch.cat(strides)


def decode(rows: Tensor, cells: Tensor, strides: Tensor) -> Tensor:
    """Boxes (..., n, 4: left, top, right, bottom) of the model's rows."""
    middle = (rows[..., :2] + cells) * strides
    half = rows[..., 2:4].clamp(-6, 6).exp() * strides / 2
    return torch.cat([middle - half, middle + half], -1)


# Loss


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (..., 4), broadcast."""
    wide = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    both = wide[..., 0] * wide[..., 1]
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    return both / (area_a + area_b - both + 1e-6)


def giou_loss(a: Tensor, b: Tensor) -> Tensor:
    """1 - generalised IoU (Rezatofighi et al. 2019)."""
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=0)
    area = hull[..., 0] * hull[..., 1] + 1e-6
    overlap = iou(a, b)
    area_a = (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
    area_b = (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
    union = (area_a + area_b) / (1 + overlap)
    return 1 - overlap + (area - union) / area


@torch.no_grad()
def assign(boxes: Tensor, scores: Tensor, truth: Tensor, centres: Tensor, strides: Tensor) -> tuple[Tensor, Tensor]:
    """Which box each row shall find and how sure it shall be: task-aligned assignment (Feng et al. 2021).

    Args:
        boxes: what the model says now (batch, n, 4).
        scores: how sure it is (batch, n).
        truth: (batch, g, 4); unused ones are 0.
        centres: of the cells in pixels (n, 2).
        strides: (n, 1).

    Returns:
        The truth of each row (batch, n, 4) and its target score (batch, n), 0 for rows that shall find nothing.
    """
    used = truth[..., 2] > truth[..., 0]
    middle, size = (truth[..., :2] + truth[..., 2:]) / 2, truth[..., 2:] - truth[..., :2]
    away = (centres - middle[:, :, None]).abs()
    # Cells in the middle of the box or next to it, on a level that fits the size.
    near = (away < torch.maximum(size[:, :, None] * 0.3, strides * 0.75)).all(-1)
    long = size.amax(-1)[:, :, None]
    fits = (long >= strides[:, 0] * 1.6) | (strides[:, 0] == STRIDES[0])
    fits &= (long <= strides[:, 0] * 9) | (strides[:, 0] == STRIDES[-1])
    overlap = iou(boxes[:, None], truth[:, :, None])
    allowed = near & fits & used[..., None]
    metric = (scores[:, None].clamp(min=1e-4).sqrt() * overlap.pow(4) + 1e-9) * allowed
    best = metric.topk(8, dim=-1)
    chosen = torch.zeros_like(metric).scatter_(-1, best.indices, 1.0).bool() & allowed
    # A row that several people want serves the one it fits best.
    owner = torch.where(chosen, overlap + 1e-3, torch.zeros_like(overlap)).max(1)
    mine = chosen & (torch.arange(truth.shape[1])[None, :, None] == owner.indices[:, None])
    metric = metric * mine
    top = metric.amax(-1, keepdim=True)
    # The best row of each person shall be sure, however well it fits: confidence is that there is somebody.
    sure = metric / (top + 1e-12)
    target = sure.amax(1)
    wanted = truth.gather(1, owner.indices[..., None].expand(-1, -1, 4))
    return wanted, target


def loss_of(rows: Tensor, truth: Tensor, cells: Tensor, strides: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of score and box: varifocal (Zhang et al. 2021) and generalised IoU."""
    boxes, logits = decode(rows, cells, strides), rows[..., 4]
    probability = logits.sigmoid()
    wanted, target = assign(boxes.detach(), probability.detach(), truth, (cells + 0.5) * strides, strides)
    positive = target > 0
    total = target.sum().clamp(min=1)
    weight = torch.where(positive, target.clamp(min=0.3), 0.75 * probability.detach().pow(2))
    score = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight).sum() / total
    box = (giou_loss(boxes[positive], wanted[positive]) * target[positive]).sum() / total
    return score, box


# Evaluation


def suppress(boxes: NDArray[Any], scores: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Non-maximum suppression of boxes (n, 4), surest first."""
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    kept = np.asarray(cv2.dnn.NMSBoxes(sizes.tolist(), scores.tolist(), 0.05, NMS_IOU), int).reshape(-1)
    return boxes[kept], scores[kept]


@torch.no_grad()
def evaluate(
    model: Detector, pictures: NDArray[np.uint8], boxes: NDArray[np.float32]
) -> dict[float, tuple[float, float]]:
    """Recall of people taller than 40 px at 640x360, and share of false boxes, by confidence."""
    model.eval()
    cells, strides = grids()
    limits = [round(0.2 + 0.02 * i, 2) for i in range(26)]
    found, false, shown = (dict.fromkeys(limits, 0) for _ in range(3))
    people = 0
    for start in range(0, len(pictures), 32):
        rows = model(torch.from_numpy(np.array(pictures[start : start + 32])).permute(0, 3, 1, 2).float())
        decoded, scores = decode(rows, cells, strides).numpy(), rows[..., 4].sigmoid().numpy()
        for i in range(len(rows)):
            sure = scores[i] > min(limits)
            given, confidence = suppress(decoded[i][sure], scores[i][sure])
            truth = boxes[start + i]
            truth = truth[truth[:, 2] > truth[:, 0]]
            tall = truth[:, 3] - truth[:, 1] > 40 * WIDTH / 640
            people += int(tall.sum())
            overlap = iou(torch.from_numpy(given)[:, None], torch.from_numpy(truth)[None]).numpy()
            for limit in limits:
                taken = np.zeros(len(truth), bool)
                for k in np.flatnonzero(confidence >= limit):
                    shown[limit] += 1
                    free = np.where(taken, 0, overlap[k]) if len(truth) else np.zeros(1)
                    if free.max() >= 0.5:
                        taken[free.argmax()] = True
                    else:
                        false[limit] += 1
                found[limit] += int((taken & tall).sum())
    return {limit: (found[limit] / max(1, people), false[limit] / max(1, shown[limit])) for limit in limits}


@torch.no_grad()
def calibrate(model: Detector, pictures: NDArray[np.uint8], boxes: NDArray[np.float32]) -> None:
    """Shift the scores so that at the product's confidence as many people are missed as boxes are false."""
    figures = evaluate(model, pictures, boxes)
    balanced = min(figures, key=lambda limit: abs(1 - figures[limit][0] - figures[limit][1]))
    shift = np.log(CONFIDENCE / (1 - CONFIDENCE)) - np.log(balanced / (1 - balanced))
    for head in model.heads:
        head[-1].bias[4] += float(shift)
    recall, false = figures[balanced]
    print(f"confidence {balanced:.2f} becomes {CONFIDENCE:.2f}: recall {recall:.4f} false {false:.4f}", flush=True)


# Training


def train(folder: Path, scenes: int, epochs: float, batch: int, peak: float, processes: int) -> Detector:
    """Train on `scenes` scenes; the returned model is the moving average of the weights."""
    torch.manual_seed(0)
    pictures, boxes = generate(folder, FIRST_SEED, scenes, processes)
    unseen = held_out(folder, processes)
    model = Detector().to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}])
    cells, strides = grids()
    steps = int(epochs * len(pictures) / batch)
    order = np.random.default_rng(0)
    queue: list[int] = []
    began = time.monotonic()
    for step in range(steps):
        warm = min(1.0, (step + 1) / 300)
        rate = peak * warm * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / steps)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        if len(queue) < batch:
            queue = list(order.permutation(len(pictures)))
        picked = np.array([queue.pop() for _ in range(batch)])
        images = torch.from_numpy(pictures[picked]).permute(0, 3, 1, 2).float()
        images, truth = augment(images, torch.from_numpy(boxes[picked]))
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            rows = model(images.contiguous(memory_format=torch.channels_last))
        score, box = loss_of(rows.float(), truth, cells, strides)
        optimiser.zero_grad(set_to_none=True)
        (score + 2.0 * box).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        average.update_parameters(model)
        if step % 100 == 0:
            spent = time.monotonic() - began
            print(f"step {step} of {steps}: score {score:.3f} box {box:.3f}, {spent:.0f} s", flush=True)
        if step % 1000 == 999 or step == steps - 1:
            for limit, (recall, false) in list(evaluate(average.module, *unseen).items())[::5]:
                print(f"  confidence {limit:.2f}: recall {recall:.4f} false {false:.4f}", flush=True)
            torch.save(average.module.state_dict(), folder / "checkpoint.pt")
    average.module.eval()
    return average.module


# Export


def fold(model: Detector) -> Detector:
    """Fold the batch normalisations into the convolutions before them."""
    model.eval()
    for part in model.modules():
        if isinstance(part, Conv):
            part[0] = torch.nn.utils.fusion.fuse_conv_bn_eval(part[0], part[1])
            part[1] = nn.Identity()
    return model


def export(model: Detector, path: Path) -> None:
    """Write the model as ONNX with its metadata; weights as half floats, which are widened when it is loaded."""
    path.parent.mkdir(parents=True, exist_ok=True)
    example = torch.full((1, 3, HEIGHT, WIDTH), float(FILL))
    program = torch.onnx.export(
        Exported(fold(model)).eval(),
        (example,),
        input_names=["images"],
        output_names=["output"],
        opset_version=18,
        dynamo=True,
        optimize=True,
    )
    proto = program.model_proto
    halve(proto)
    proto.producer_name, proto.doc_string = "edge-daemon", "Finds people in generated street scenes."
    del proto.metadata_props[:]
    for item in (*proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del item.metadata_props[:]
        item.doc_string = ""
    helper.set_model_props(
        proto,
        {
            "names": "{0: 'person'}",
            "description": "People in the generated street scenes of edge-daemon, not in real pictures",
            "author": "edge-daemon",
            "license": "Apache-2.0",
            "recipe": f"tools/train_person.py version {RECIPE}",
        },
    )
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)
    print(f"{path}: {path.stat().st_size} bytes")


def halve(proto: onnx.ModelProto) -> None:
    """Store large weights as half floats, with a Cast that ONNX Runtime folds away when it loads."""
    casts = []
    for weight in proto.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and np.prod(weight.dims) > 256:
            name = weight.name
            half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}.half")
            weight.CopyFrom(half)
            casts.append(helper.make_node("Cast", [half.name], [name], f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def main() -> None:
    """Train, or only export a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    parser.add_argument("--cache", type=Path, default=Path("build/person"), help="folder for rendered pictures")
    parser.add_argument("--scenes", type=int, default=2500)
    parser.add_argument("--epochs", type=float, default=6.0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint", type=Path, help="export these weights instead of training")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    if args.checkpoint:
        model = Detector()
        model.load_state_dict(torch.load(args.checkpoint, weights_only=True))
    else:
        model = train(args.cache, args.scenes, args.epochs, args.batch, args.rate, args.threads)
    calibrate(model, *held_out(args.cache, args.threads))
    export(model, args.out)


if __name__ == "__main__":
    main()
