"""The row of houses behind the street: fronts with windows, doors, shops and roofs."""

from dataclasses import dataclass, field

import numpy as np

from edge_daemon.demo.scene.canvas import Canvas, Colour, mix, rgb, shade

_WALLS = (
    "e8d3b0",
    "d9b08c",
    "c9785a",
    "b5583f",
    "d8c3a5",
    "a9b89a",
    "9db4c0",
    "e6c9c0",
    "cfd3cd",
    "b98b73",
    "f0e2c4",
    "8f4b3a",
    "c4a35a",
    "7f98a8",
)
_ROOFS = ("6b3a2e", "8a4a38", "4a4f57", "5b5048", "3d444d", "7a5a48")
_FRAMES = ("f4f1ea", "e6dfd0", "3b3a38", "6a4a35", "d9e2e4")
_DOORS = ("2f5d50", "7a2e2e", "2b4a6f", "4a342a", "c28a2d", "393e46")
_AWNINGS = ("c0443c", "2f7d6b", "2b5c9e", "d18b2c", "7a4a7d")
FLOOR_M = 2.75


@dataclass
class Row:
    """Draws houses side by side; lit panes are kept in `lamps`, to be drawn over the darkened street."""

    canvas: Canvas
    rng: np.random.Generator
    glow: float
    lamps: list[tuple[float, float, float, float, Colour]] = field(default_factory=list)

    def draw(self, left: float, right: float) -> None:
        """Fill the row between two places in metres, now and then with a garden between two houses."""
        x = left - float(self.rng.uniform(0, 3))
        while x < right:
            width = float(self.rng.uniform(4.2, 8.0))
            if self.rng.random() < 0.16:
                self.garden(x, x + width * 0.7)
                x += width * 0.7
            else:
                self.house(x, x + width)
                x += width

    def one_of(self, codes: tuple[str, ...]) -> Colour:
        """Choose a colour at random."""
        return mix(rgb(str(self.rng.choice(codes))), (150.0, 150.0, 150.0), float(self.rng.uniform(0, 0.2)))

    def garden(self, x0: float, x1: float) -> None:
        """A wall with a hedge and a tree top behind it."""
        green = self.one_of(("5f8f4e", "4f7f45", "74a05a"))
        for _ in range(9):
            x, r = float(self.rng.uniform(x0 + 0.4, x1 - 0.4)), float(self.rng.uniform(0.7, 1.3))
            y = float(self.rng.uniform(2.0, 4.2))
            self.canvas.ellipse(x, y, r, r * 0.9, shade(green, float(self.rng.uniform(0.75, 1.1))))
        for x in np.arange(x0 + 0.2, x1, 0.45):
            self.canvas.ellipse(float(x), 1.35, 0.45, 0.5, shade(green, float(self.rng.uniform(0.7, 0.9))))
        wall = self.one_of(("b9a78c", "9c8a78", "c8c0b2"))
        self.canvas.rect(x0, 0, x1, 1.2, wall)
        self.canvas.rect(x0, 1.12, x1, 1.27, shade(wall, 1.12))

    def house(self, x0: float, x1: float) -> None:
        """A house of one to three floors."""
        canvas, rng = self.canvas, self.rng
        wall = self.one_of(_WALLS)
        floors = int(rng.choice([1, 2, 2, 2, 3]))
        top = floors * FLOOR_M + 0.5
        self.roof(x0, x1, top)
        for i in range(8):  # a little lighter towards the top
            canvas.rect(x0, top * i / 8, x1, top * (i + 1) / 8 + 0.02, shade(wall, 0.9 + 0.02 * i))
        if rng.random() < 0.4:
            self.bricks(x0, x1, top, wall)
        base = shade(wall, 0.72)
        canvas.rect(x0, 0, x1, 0.42, base)
        canvas.rect(x0, top - 0.22, x1, top, shade(wall, 1.12))
        canvas.rect(x0, 0, x0 + 0.06, top, shade(wall, 0.7))
        frame = self.one_of(_FRAMES)
        shutters = self.one_of(_DOORS) if rng.random() < 0.35 else None
        shop = rng.random() < 0.4
        count = max(1, int((x1 - x0) / float(rng.uniform(1.7, 2.4))))
        pitch = (x1 - x0) / count
        door = int(rng.integers(count))
        if shop:
            self.shop(x0 + 0.25, x1 - 0.25, frame)
        for floor in range(floors):
            for i in range(count):
                middle = x0 + (i + 0.5) * pitch
                if floor == 0 and shop:
                    continue
                if floor == 0 and i == door:
                    self.door(middle, frame)
                else:
                    self.window(middle, floor * FLOOR_M + 1.05, min(1.15, pitch * 0.5), 1.35, frame, shutters)

    def bricks(self, x0: float, x1: float, top: float, wall: Colour) -> None:
        """Courses of bricks, some lighter and some darker."""
        for _ in range(int((x1 - x0) * top * 2.2)):
            x, y = float(self.rng.uniform(x0, x1 - 0.3)), int(self.rng.uniform(0.5, top - 0.3) / 0.12) * 0.12
            self.canvas.rect(x, y, x + 0.26, y + 0.09, shade(wall, float(self.rng.uniform(0.84, 1.06))))

    def roof(self, x0: float, x1: float, top: float) -> None:
        """A flat, hipped or gabled roof, perhaps with a chimney."""
        canvas, rng = self.canvas, self.rng
        tile = self.one_of(_ROOFS)
        kind = str(rng.choice(["flat", "hip", "gable"]))
        rise = float(rng.uniform(1.2, 2.0))
        if kind != "flat" and rng.random() < 0.6:
            x = float(rng.uniform(x0 + 0.25 * (x1 - x0), x1 - 0.35 * (x1 - x0)))
            brick = self.one_of(("8a4a38", "9c6b55", "77706a"))
            canvas.rect(x, top, x + 0.6, top + rise + 0.6, brick)
            canvas.rect(x - 0.08, top + rise + 0.5, x + 0.68, top + rise + 0.65, shade(brick, 0.8))
        if kind == "flat":
            canvas.rect(x0 - 0.08, top, x1 + 0.08, top + 0.25, shade(tile, 1.25))
            return
        inset = (0.5 if kind == "gable" else 0.2) * (x1 - x0)
        canvas.polygon([(x0 - 0.25, top), (x1 + 0.25, top), (x1 - inset, top + rise), (x0 + inset, top + rise)], tile)
        for i in range(1, 5):
            share, y = i / 5, top + rise * i / 5
            canvas.line(
                [(x0 - 0.25 + (inset + 0.25) * share, y), (x1 + 0.25 - (inset + 0.25) * share, y)],
                0.04,
                shade(tile, 0.86),
            )
        canvas.rect(x0 - 0.3, top - 0.06, x1 + 0.3, top + 0.08, shade(tile, 0.7))

    def glass(self, x0: float, y0: float, x1: float, y1: float, lit: bool) -> None:
        """A pane: dark with a reflection of the sky, or with light behind it."""
        canvas = self.canvas
        pane = self.one_of(("5f7f93", "6f8f9f", "4c6474", "7f9aa5"))
        canvas.rect(x0, y0, x1, y1, pane)
        w = x1 - x0
        canvas.polygon(
            [(x0 + 0.15 * w, y0), (x0 + 0.4 * w, y0), (x0 + 0.85 * w, y1), (x0 + 0.6 * w, y1)],
            shade(pane, 1.22),
        )
        if lit:
            warm = mix(rgb("ffd98a"), rgb("ffb45a"), float(self.rng.random()))
            self.lamps.append((x0, y0, x1, y1, shade(warm, 0.75 + 0.25 * self.glow)))

    def window(self, x: float, y: float, w: float, h: float, frame: Colour, shutters: Colour | None) -> None:
        """A window with a frame, a sill, perhaps shutters, curtains and a flower box."""
        canvas, rng = self.canvas, self.rng
        lit = bool(rng.random() < 0.6 * self.glow)
        canvas.rect(x - w / 2 - 0.09, y - 0.09, x + w / 2 + 0.09, y + h + 0.09, frame)
        self.glass(x - w / 2, y, x - 0.03, y + h, lit)
        self.glass(x + 0.03, y, x + w / 2, y + h, lit)
        if rng.random() < 0.45 and not lit:
            cloth = self.one_of(("efe9dc", "d9c7b8", "c8d3d6"))
            drop = float(rng.uniform(0.25, 0.6)) * h
            canvas.rect(x - w / 2, y + h - drop, x + w / 2, y + h, cloth)
        canvas.rect(x - w / 2 - 0.16, y - 0.17, x + w / 2 + 0.16, y - 0.07, shade(frame, 0.84))
        if shutters is not None:
            for side in (-1, 1):
                middle = x + side * (w / 2 + 0.26)
                canvas.rect(middle - 0.16, y - 0.05, middle + 0.16, y + h + 0.05, shutters)
                for i in range(5):
                    canvas.rect(
                        middle - 0.11,
                        y + 0.1 + i * h / 5,
                        middle + 0.11,
                        y + 0.16 + i * h / 5,
                        shade(shutters, 0.75),
                    )
        if rng.random() < 0.15:
            for i in range(8):
                flower = self.one_of(("d94f6b", "e8b03a", "f0e9ee", "5a9e4b", "5a9e4b"))
                canvas.ellipse(x - w / 2 + i * w / 7, y + 0.03, 0.11, 0.12, flower)

    def door(self, x: float, frame: Colour) -> None:
        """A door with a step and a small window."""
        colour = self.one_of(_DOORS)
        self.canvas.rect(x - 0.62, 0, x + 0.62, 2.32, frame)
        self.canvas.rect(x - 0.5, 0.1, x + 0.5, 2.2, colour)
        for y0, y1 in ((0.3, 0.95), (1.1, 1.35)):
            self.canvas.rect(x - 0.36, y0, x + 0.36, y1, shade(colour, 0.85))
        self.glass(x - 0.34, 1.5, x + 0.34, 2.02, bool(self.rng.random() < 0.5 * self.glow))
        self.canvas.ellipse(x + 0.38, 1.05, 0.05, 0.05, rgb("d8b45a"))
        self.canvas.rect(x - 0.75, 0, x + 0.75, 0.13, rgb("a8a49c"))

    def shop(self, x0: float, x1: float, frame: Colour) -> None:
        """A shop front: large panes, a door, a sign and perhaps an awning."""
        canvas, rng = self.canvas, self.rng
        lit = bool(rng.random() < 0.3 + 0.7 * self.glow)
        paint = self.one_of(_DOORS)
        canvas.rect(x0, 0, x1, 2.7, paint)
        door = x0 + 0.15 if rng.random() < 0.5 else x1 - 1.15
        panes = [(x0 + 0.15, x1 - 1.3)] if door > x0 + 0.2 else [(x0 + 1.3, x1 - 0.15)]
        for a, b in panes:
            canvas.rect(a - 0.05, 0.45, b + 0.05, 2.2, shade(frame, 0.9))
            half = 0.5 * (a + b)
            self.glass(a, 0.5, half - 0.03, 2.15, lit and self.glow > 0)
            self.glass(half + 0.03, 0.5, b, 2.15, lit and self.glow > 0)
            for x in np.arange(a + 0.3, b - 0.2, 0.5):  # goods on display
                ware = self.one_of(("d94f45", "f0b93c", "3d8fb5", "8b5e3c", "5a9e4b"))
                canvas.rect(float(x), 0.5, float(x) + 0.3, 0.5 + float(rng.uniform(0.2, 0.55)), ware)
        canvas.rect(door, 0.05, door + 1.0, 2.15, shade(paint, 0.8))
        self.glass(door + 0.15, 0.5, door + 0.85, 2.0, lit and self.glow > 0)
        sign = self.one_of(("f2ead8", "2c2c2c", "e0b24c"))
        canvas.rect(x0, 2.3, x1, 2.72, mix(paint, sign, 0.25))
        letter = x0 + 0.25 * (x1 - x0)
        while letter < x1 - 0.25 * (x1 - x0):
            canvas.rect(letter, 2.4, letter + 0.12, 2.4 + float(rng.choice([0.16, 0.22])), sign)
            letter += 0.2
        if rng.random() < 0.6:
            stripe, pale = self.one_of(_AWNINGS), rgb("f1ece0")
            count = max(4, int((x1 - x0) / 0.4))
            for i in range(count):
                a, b = x0 + (x1 - x0) * i / count, x0 + (x1 - x0) * (i + 1) / count
                colour = stripe if i % 2 else pale
                canvas.polygon([(a, 2.35), (b, 2.35), (b, 1.98), (a, 1.98)], shade(colour, 0.92))
                canvas.ellipse(0.5 * (a + b), 1.99, 0.5 * (b - a), 0.1, shade(colour, 0.85))
