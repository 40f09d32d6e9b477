"""A person's head: hair, face and hat."""

from edge_daemon.demo.scene.canvas import Canvas, Colour, mix, shade
from edge_daemon.demo.scene.skeleton import Skeleton


def draw_long_hair(body: Skeleton, canvas: Canvas, colours: dict[str, Colour]) -> None:
    """Draw the hair that hangs down, if they have any."""
    look, r = body.look, body.head_r
    if look.hair not in ("long", "tail"):
        return
    x, y = body.at(0.02 * look.height_m, 0, look.height_m + body.rise - 1.12 * r)
    ahead = body.cos * r
    drop = (1.75 if look.hair == "long" else 1.5) * r
    width = 1.35 * r + 0.5 * r * max(0.0, body.sin) if look.hair == "long" else 0.6 * r
    back = 0.4 if look.hair == "long" else 1.15
    canvas.line(
        [(x - 0.35 * ahead, y + 0.1 * r), (x - back * ahead, y - drop)],
        width,
        shade(colours["hair"], 0.9),
    )


def draw_head(body: Skeleton, canvas: Canvas, colours: dict[str, Colour]) -> None:
    """Draw head, hair and hat."""
    look, h, r = body.look, body.look.height_m, body.head_r
    up = h + body.rise - 1.12 * r
    x, y = body.at(0.02 * h, 0, up)
    ahead = body.cos * r
    hair, skin = colours["hair"], colours["skin"]
    canvas.ellipse(x - 0.12 * ahead, y + 0.1 * r, 0.94 * r, 1.06 * r, hair)
    if body.sin > -0.35:
        turned = max(0.0, body.sin)
        canvas.ellipse(x + 0.2 * ahead, y - 0.14 * r, (0.74 + 0.1 * turned) * r, 0.94 * r, skin)
        if turned < 0.75:
            canvas.ellipse(x + 0.9 * ahead, y - 0.2 * r, 0.15 * r, 0.17 * r, skin)
        canvas.ellipse(x - 0.22 * ahead, y - 0.15 * r, 0.14 * r, 0.2 * r, shade(skin, 0.86))
        if r * canvas.scale > 9:
            _draw_face(body, canvas, x, y, colours)
        if look.hair != "none":
            fringe = 0.62 - 0.1 * turned
            canvas.ellipse(x + 0.1 * ahead, y + fringe * r, 0.8 * r, 0.45 * r, hair)
    if look.hat == "cap":
        canvas.ellipse(x, y + 0.55 * r, 0.98 * r, 0.58 * r, colours["accent"])
        canvas.line(
            [(x + 0.3 * ahead, y + 0.42 * r), (x + 1.45 * ahead, y + 0.36 * r)],
            0.2 * r,
            shade(colours["accent"], 0.8),
        )
    elif look.hat == "beanie":
        canvas.ellipse(x - 0.08 * ahead, y + 0.5 * r, 1.0 * r, 0.72 * r, colours["accent"])
        canvas.line(
            [(x - 0.8 * r, y + 0.25 * r), (x + 0.75 * r, y + 0.25 * r)],
            0.28 * r,
            shade(colours["accent"], 0.85),
        )
    elif look.hat == "hat":
        canvas.ellipse(x, y + 0.6 * r, 0.85 * r, 0.7 * r, colours["accent"])
        canvas.ellipse(x, y + 0.4 * r, 1.5 * r, 0.22 * r, shade(colours["accent"], 0.85))


def _draw_face(body: Skeleton, canvas: Canvas, x: float, y: float, colours: dict[str, Colour]) -> None:
    r, ahead = body.head_r, body.cos * body.head_r
    dark = mix(colours["skin"], (20.0, 20.0, 30.0), 0.8)
    for left in (0.36, -0.36):
        toward = body.cos * 0.75 + left * body.sin
        if abs(body.sin) < 0.3 and left * body.cos > 0:
            continue  # the far eye of a profile
        canvas.ellipse(x + toward * r, y - 0.02 * r, 0.085 * r, 0.12 * r, dark)
    mouth = x + 0.62 * ahead
    half = (0.1 + 0.14 * max(0.0, body.sin)) * r
    canvas.line(
        [(mouth - half, y - 0.6 * r), (mouth + half, y - 0.6 * r)],
        0.09 * r,
        mix(colours["skin"], (60.0, 50.0, 150.0), 0.55),
    )
