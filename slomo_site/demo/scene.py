"""The built-in clip's picture: a ball bounces past a windmill while the camera pans.

It holds what frame interpolation finds hard, each at a known place: layers that slide over each
other at different speeds, a textured ball turning in front of them, thin fence wires and mill
sails, lettering, and soft shadows. Everything is drawn at twice the size and averaged down. Layer
speeds are whole numbers of the larger pixels, so no layer is ever resampled.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from slomo_site.demo.painting import (
    Array,
    cover,
    grid,
    lay,
    mix,
    noise,
    over,
    place,
    premultiply,
)

FPS = 30
FRAMES = 54
WIDTH, HEIGHT = 640, 360
IMPACTS = (0.4, 1.04, 1.54)  # seconds at which the ball touches the ground

# All lengths below are in the larger pixels, two to an output pixel; colours are sRGB 0..1.
W, H = 2 * WIDTH, 2 * HEIGHT
HORIZON = 452
FLOOR = 640
BALL_RADIUS = 66
BALL_SPEED = 26
HILL_SPEED = 3
FENCE_SPEED = 18
SUN = (930, 250)
MILL = 330
WHITE = (0.97, 0.95, 0.91)
GLYPHS = {
    "S": ("01111", "10000", "10000", "01110", "00001", "00001", "11110"),
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "O": ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
    "M": ("10001", "11011", "10101", "10101", "10001", "10001", "10001"),
}


@dataclass(frozen=True)
class _Layer:
    """Premultiplied RGBA (rows, columns, 4) that slides left by `speed` pixels a frame."""

    pixels: Array
    top: int
    speed: int

    def draw(self, canvas: Array, index: int) -> None:
        left = self.speed * index
        over(canvas[self.top :], self.pixels[: H - self.top, left : left + W])


class Scene:
    def __init__(self) -> None:
        self.sky = _sky()
        self.mountains = _mountains()
        self.hills = _hills()
        self.ground = _ground()
        self.fence = _fence()

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Frame (HEIGHT, WIDTH, 3), the depicted moment being index / FPS seconds."""
        canvas = self.sky[:, index : index + W].copy()
        self.mountains.draw(canvas, index)
        self.hills.draw(canvas, index)
        place(canvas, _sails(angle=0.09 * index), x=MILL - HILL_SPEED * index, y=322)
        canvas[HORIZON:] = _slide_ground(self.ground, index)
        x, y = ball_position(index)
        _shade(canvas, x=x, height=FLOOR - BALL_RADIUS - y)
        place(canvas, _ball(angle=BALL_SPEED * index / BALL_RADIUS), x=x, y=y)
        self.fence.draw(canvas, index)
        small = canvas.reshape(HEIGHT, 2, WIDTH, 2, 3).mean(axis=(1, 3))
        return np.asarray(np.rint(np.clip(small, 0, 1) * 255), np.uint8)


def ball_position(index: int) -> tuple[float, float]:
    """Centre of the ball: falls, then rebounds lower each time, always under the same gravity."""
    second = index / FPS
    gravity = 3800.0
    landings = (-IMPACTS[0], *IMPACTS, IMPACTS[-1] + 0.42)  # as if thrown up before the clip begins
    start, end = next((a, b) for a, b in pairwise(landings) if a <= second <= b)
    rise = gravity / 2 * (second - start) * (end - second)
    return -40.0 + BALL_SPEED * index, FLOOR - BALL_RADIUS - rise


# What is in the picture, back to front


def _sky() -> Array:
    x, y = grid(H, W + FRAMES)
    colour = mix((0.20, 0.32, 0.58), (0.98, 0.76, 0.55), (y / HORIZON) ** 1.4)
    clouds = noise(H, 512, slope=1.5, seed=21)[y.astype(int), x.astype(int) // 3]
    lit = np.clip(clouds * 0.4, 0, 0.85) * np.clip(1.2 - y / HORIZON, 0, 1)
    colour = (
        colour * (1 - lit[..., None]) + np.array((1.0, 0.93, 0.88), np.float32) * lit[..., None]
    )
    distance = np.hypot(x - SUN[0], y - SUN[1])
    glow = 0.55 * np.exp(-distance / 130) + 0.9 * cover(46 - distance)
    return np.asarray(np.minimum(colour + glow[..., None] * (1.0, 0.85, 0.55), 1), np.float32)


def _mountains() -> _Layer:
    columns, speed, top = W + FRAMES, 1, 200
    _, y = grid(HORIZON - top, columns)
    ridge = 95 - 34 * noise(1, 2048, slope=1.25, seed=5)[0, :columns]
    rock = noise(512, 2048, slope=1.1, seed=3)[: y.shape[0], :columns]
    haze = (y - ridge) / 170
    snow = np.clip(0.55 + 0.5 * rock - (y - ridge) / 30, 0, 1)
    colour = mix((0.33, 0.34, 0.50), (0.72, 0.62, 0.62), haze) * (1 + 0.07 * rock[..., None])
    colour = colour + snow[..., None] * (np.array((0.95, 0.90, 0.92), np.float32) - colour) * 0.8
    return _Layer(premultiply(colour, cover(y - ridge)), top, speed)


def _hills() -> _Layer:
    columns, top = W + FRAMES * HILL_SPEED, 280
    x, y = grid(HORIZON + 24 - top, columns)
    crest = 118 + 22 * np.sin(x[0] / 190 + 0.6) + 9 * np.sin(x[0] / 71)
    leaves = noise(256, 2048, slope=0.7, seed=4)[: y.shape[0], :columns]
    colour = mix((0.27, 0.42, 0.22), (0.50, 0.56, 0.28), (y - crest) / 80)
    layer = premultiply(colour * (1 + 0.13 * leaves[..., None]), cover(y - crest))
    rng = np.random.default_rng(6)
    for root in rng.uniform(0, columns, 46):
        if abs(root - MILL) > 60:
            _tree(layer, root, crest, height=rng.uniform(34, 74), tint=rng.uniform(0.75, 1.15))
    _mill(layer, centre=MILL, foot=float(crest[MILL]) + 14)
    return _Layer(layer, top, HILL_SPEED)


def _tree(layer: Array, root: float, crest: Array, *, height: float, tint: float) -> None:
    x, y = grid(*layer.shape[:2])
    foot = float(crest[int(root)]) + 16
    up = (foot - y) / height
    jagged = 0.24 * height * (1.05 - up) * (0.72 + 0.28 * ((up * 5) % 1 < 0.5))
    inside = np.minimum(jagged - np.abs(x - root), (1 - up) * height)
    colour = mix((0.10, 0.22, 0.15), (0.25, 0.38, 0.19), (x - root) / (0.4 * height) + 0.5) * tint
    lay(layer, colour, cover(inside) * (up > 0))


def _mill(layer: Array, *, centre: int, foot: float) -> None:
    x, y = grid(*layer.shape[:2])
    up = (foot - y) / (foot - 30)
    inside = np.minimum(26 - 10 * up - np.abs(x - centre), (1.06 - up) * 100)
    colour = mix((0.96, 0.90, 0.82), (0.62, 0.52, 0.50), (x - centre) / 40 + 0.5)
    colour[(np.abs(x - centre) < 5) & (np.abs(up - 0.45) < 0.07)] = (0.25, 0.20, 0.24)
    lay(layer, colour, cover(inside) * (up > 0))


def _sails(*, angle: float) -> Array:
    """Four lattice sails turning about their hub."""
    x, y = grid(208, 208)
    x, y = x - 104, y - 104
    alpha = cover(9 - np.hypot(x, y))
    cloth = np.zeros_like(alpha)
    for quarter in range(4):
        turn = angle + quarter * np.pi / 2
        along = x * np.cos(turn) + y * np.sin(turn)
        across = -x * np.sin(turn) + y * np.cos(turn)
        beam = np.minimum(2.5 - np.abs(across), np.minimum(along, 100 - along))
        sail = np.minimum(9 - np.abs(across - 11), np.minimum(along - 24, 98 - along))
        lattice = np.minimum(4.5 - np.abs(along % 12 - 6), 3.5 - np.abs((across - 2) % 9 - 4.5))
        cloth = np.maximum(cloth, cover(sail) * cover(lattice))
        alpha = np.maximum(alpha, np.maximum(cover(beam), cover(sail)))
    return premultiply(mix((0.36, 0.20, 0.17), (0.98, 0.94, 0.86), cloth), alpha)


def _ground() -> Array:
    """Meadow in perspective, wide enough for its fastest row."""
    columns = W + FENCE_SPEED * FRAMES
    x, y = grid(H - HORIZON, columns)
    nearness = 0.16 + y / (H - HORIZON)
    world = (x - W / 2) / nearness
    mown = np.sin(world / 74) > 0
    grass = noise(512, 4096, slope=0.55, seed=7)[: y.shape[0], :columns] * nearness
    patches = noise(512, 4096, slope=1.5, seed=8)[: y.shape[0], :columns]
    colour = mix((0.30, 0.46, 0.16), (0.46, 0.60, 0.22), 0.5 + 0.3 * patches)
    colour = colour * (1 + 0.09 * (mown[..., None] - 0.5) + 0.10 * grass[..., None])
    rng = np.random.default_rng(9)
    petals = np.array(((0.98, 0.95, 0.90), (0.98, 0.80, 0.25), (0.88, 0.35, 0.45)))
    for depth in rng.uniform(0.05, 1, 420) ** 0.7:
        row, column = int(depth * (H - HORIZON - 6)), int(rng.uniform(4, columns - 8))
        size = 1 + int(3.4 * depth)
        colour[row : row + size, column : column + size + 1] = petals[rng.integers(3)]
    return np.asarray(colour, np.float32)


def _slide_ground(ground: Array, index: int) -> Array:
    """Shift each row by its own speed: the nearer to the camera, the faster."""
    rows = ground.shape[0]
    shift = np.linspace(HILL_SPEED, FENCE_SPEED, rows) * index
    whole = np.floor(shift).astype(int)
    part = (shift - whole).astype(np.float32)[:, None, None]
    columns = np.arange(W)[None] + whole[:, None]
    row = np.arange(rows)[:, None]
    shifted: Array = ground[row, columns] * (1 - part) + ground[row, columns + 1] * part
    return shifted


def _shade(canvas: Array, *, x: float, height: float) -> None:
    """The ball's soft shadow: wider and fainter the higher the ball."""
    spread = 1 + height / 260
    columns, rows = grid(H - FLOOR + 60, W)
    distance = np.hypot((columns - x + 0.35 * height) / (74 * spread), (rows - 56) / (15 * spread))
    canvas[FLOOR - 60 :] *= 1 - (0.55 / spread) * np.exp(-(distance**2))[..., None]


def _ball(*, angle: float) -> Array:
    """A beach ball lit from the sun's side, turned by `angle` radians as it rolls."""
    size = 2 * BALL_RADIUS + 4
    x, y = grid(2 * size, 2 * size)
    x, y = (x - size + 0.5) / (2 * BALL_RADIUS), (y - size + 0.5) / (2 * BALL_RADIUS)
    radius = np.hypot(x, y)
    z = np.sqrt(np.clip(1 - radius**2, 0, None))
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    pole, side = 0.80 * z + 0.60 * v, 0.80 * v - 0.60 * z
    red, blue, yellow = (0.86, 0.18, 0.17), (0.12, 0.40, 0.71), (0.97, 0.73, 0.15)
    wedges = np.array((red, WHITE, blue, WHITE, yellow, WHITE), np.float32)
    wedge = ((np.arctan2(side, u) / (2 * np.pi) * 6) % 6).astype(int) % 6
    colour = wedges[wedge]
    colour[np.abs(pole) > 0.955] = WHITE
    light = np.clip(0.55 * x - 0.62 * y + 0.56 * z, 0, 1)
    colour = colour * (0.42 + 0.62 * light[..., None]) + 0.5 * (light**24)[..., None]
    sprite = premultiply(colour, cover((1 - radius) * 2 * BALL_RADIUS))
    return np.asarray(sprite.reshape(size, 2, size, 2, 4).mean(axis=(1, 3)), np.float32)


def _fence() -> _Layer:
    """Posts, two sagging wires and a lettered board, nearest to the camera."""
    columns, top = W + FENCE_SPEED * FRAMES, 500
    x, y = grid(H - top, columns)
    grain = noise(256, 4096, slope=0.9, seed=10)[: y.shape[0], :columns]
    between = (x - 90) % 360
    post = np.minimum(11 - np.minimum(between, 360 - between), y - 20)
    sag = 10 * (1 - ((between - 180) / 180) ** 2)
    wires = np.maximum(2 - np.abs(y - 62 - sag), 2 - np.abs(y - 132 - sag))
    wood = mix((0.30, 0.20, 0.14), (0.62, 0.45, 0.30), (11 - between % 349) / 22 + 0.3)
    layer = premultiply(np.full_like(wood, 0.16), cover(wires))
    lay(layer, wood * (1 + 0.14 * grain[..., None]), cover(post))
    board = np.minimum(118 - np.abs(x - 990), 38 - np.abs(y - 96))
    paint = mix((0.93, 0.88, 0.76), (0.16, 0.24, 0.34), _lettering(x - 890, y - 68))
    paint[np.abs(board - 5) < 1.5] = (0.62, 0.20, 0.16)
    lay(layer, paint * (1 + 0.03 * grain[..., None]), cover(board))
    return _Layer(layer, top, FENCE_SPEED)


def _lettering(x: Array, y: Array) -> Array:
    """Where the board's letters are: 1 inside a stroke. One dot of a letter is 8 pixels."""
    bitmap = np.zeros((7, 5 * 6), np.float32)
    for at, letter in enumerate("SLOMO"):
        bitmap[:, 6 * at : 6 * at + 5] = [list(map(int, row)) for row in GLYPHS[letter]]
    row, column = (y // 8).astype(int), (x // 7).astype(int)
    inside = (row >= 0) & (row < 7) & (column >= 0) & (column < 30)
    return np.asarray(np.where(inside, bitmap[row % 7, column % 30], 0), np.float32)
