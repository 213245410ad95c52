"""Pictures that no camera took: screenshots, maps, documents, plots, cartoons and blank walls.

Made by code, each different for each stream of random numbers. ``tools/fit_photo_kind.py`` fits
to them; the fonts are those of the machine.
"""

import functools
import io
import math
from collections.abc import Callable

import matplotlib as mpl
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from placeproof.scene.textures import noise

Pixels = NDArray[np.uint8]
Random = np.random.Generator
Colour = tuple[int, int, int]

SYLLABLES: tuple[str, ...] = ("ka", "lo", "mi", "ter", "an", "der", "sch", "ou", "re", "ing")
SYLLABLES += ("tion", "pa", "ve", "so", "ly", "un", "ber", "ga", "eau", "ist", "do", "zi")
PHONES, DESKTOPS = ((390, 844), (412, 732), (360, 640)), ((1280, 800), (1366, 768), (1024, 768))


@functools.cache
def _fonts() -> tuple[str, ...]:
    """Paths of fonts with letters: those that the machine has, and those of matplotlib."""
    bundled = mpl.get_data_path() + "/fonts/ttf"
    found = font_manager.findSystemFonts() + font_manager.findSystemFonts(bundled)
    return tuple(sorted(p for p in set(found) if any(n in p for n in ("DejaVu", "Liberation"))))


def _font(random: Random, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(random.choice(_fonts())), size)


def _words(random: Random, count: int) -> str:
    words = ["".join(random.choice(SYLLABLES, random.integers(1, 4))) for _ in range(count)]
    if random.random() < 0.2:
        words[0] = str(random.integers(10_000))
    return " ".join(words).capitalize()


def _colour(random: Random, low: int = 0, high: int = 255) -> Colour:
    red, green, blue = random.integers(low, high + 1, 3).tolist()
    return red, green, blue


def _theme(random: Random) -> tuple[Colour, Colour, Colour]:
    """Background, text and accent of a light or a dark surface."""
    if random.random() < 0.65:
        return _colour(random, 235), _colour(random, 0, 70), _colour(random)
    return _colour(random, 0, 45), _colour(random, 180), _colour(random, 60)


def _paragraph(
    random: Random,
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    font: ImageFont.FreeTypeFont,
    ink: Colour,
) -> None:
    """Lines of text of uneven length from the top of a box (left, top, right, bottom) down."""
    left, top, right, bottom = box
    step = round(float(font.size) * random.uniform(1.2, 1.7))
    letters = max(3, int((right - left) / (0.55 * float(font.size))))
    for y in range(top, bottom - step, step):
        line = _words(random, 2 + letters // 6)[: int(letters * random.uniform(0.75, 1.0))]
        draw.text((left, y), line, ink, font)


def chat(random: Random) -> Pixels:
    """A conversation on a telephone."""
    size = PHONES[random.integers(len(PHONES))]
    paper, ink, accent = _theme(random)
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    font, other = _font(random, int(random.integers(13, 19))), _colour(random, 90, 230)
    y = int(random.integers(50, 80))
    draw.rectangle((0, 0, size[0], y), accent)
    draw.text((60, y - 28), _words(random, 2), paper, font)
    draw.ellipse((15, y - 42, 49, y - 8), other)
    while y < size[1] - 120:
        lines, mine = int(random.integers(1, 5)), random.random() < 0.5
        wide = int(size[0] * random.uniform(0.3, 0.72))
        left = size[0] - wide - 10 if mine else 10
        high = lines * 24 + 14
        y += int(random.integers(8, 22))
        draw.rounded_rectangle((left, y, left + wide, y + high), 12, accent if mine else other)
        _paragraph(random, draw, (left + 8, y + 6, left + wide - 8, y + high + 12), font, ink)
        y += high
    draw.rounded_rectangle((10, size[1] - 46, size[0] - 10, size[1] - 10), 18, other)
    return np.array(image)


def web_page(random: Random) -> Pixels:
    """A page or a program's window: bars, columns of text, buttons, coloured cards."""
    sizes = (*DESKTOPS, *PHONES)
    size = sizes[random.integers(len(sizes))]
    paper, ink, accent = _theme(random)
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    bar = int(random.integers(30, 90))
    draw.rectangle((0, 0, size[0], bar), accent)
    for x in range(20, size[0] - 80, int(random.integers(90, 160))):
        draw.text((x, bar // 3), _words(random, 1), paper, _font(random, 15))
    columns = int(random.integers(1, 2 if size[0] < size[1] else 4))
    side = int(size[0] * random.uniform(0.0, 0.25)) if size[0] > size[1] else 0
    draw.rectangle((0, bar, side, size[1]), _colour(random, 60, 240))
    wide = (size[0] - side) // columns
    for column in range(columns):
        left, y = side + column * wide + 16, bar + 16
        while y < size[1] - 20:
            high = int(random.integers(40, 220))
            box = (left, y, left + wide - 32, min(y + high, size[1] - 8))
            kind = random.random()
            if kind < 0.25:  # a card, a picture's place, a button
                draw.rounded_rectangle(box, 8, _colour(random, 40, 250), outline=ink)
                draw.text((left + 12, y + 10), _words(random, 2), ink, _font(random, 18))
            else:
                font = _font(random, int(random.integers(11, 17) if kind < 0.8 else 28))
                _paragraph(random, draw, box, font, ink)
            y += high + 12
    return np.array(image)


def code_editor(random: Random) -> Pixels:
    """Indented, coloured lines beside a list of files, or a terminal."""
    size = DESKTOPS[random.integers(len(DESKTOPS))]
    paper, ink, accent = _theme(random)
    image = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(image)
    mono = [path for path in _fonts() if "Mono" in path]
    font = ImageFont.truetype(str(random.choice(mono)), int(random.integers(12, 18)))
    inks = [ink, ink, accent, _colour(random, 40, 220), _colour(random, 40, 220)]
    side = int(random.choice([0, 180, 240]))
    draw.rectangle((0, 0, side, size[1]), _colour(random, 30, 220))
    indent = 0
    for y in range(10, size[1] - 20, round(float(font.size) * 1.4)):
        draw.text((10, y), _words(random, 1)[: side // 12], ink, font)
        indent = int(np.clip(indent + random.integers(-1, 2), 0, 6))
        x = side + 30.0 + 24 * indent
        for _ in range(int(random.integers(0, 7))):
            word = _words(random, 1).lower() + str(random.choice(list(" ().:=,")))
            draw.text((x, y), word, inks[random.integers(len(inks))], font)
            x += draw.textlength(word + " ", font)
    return np.array(image)


def street_map(random: Random) -> Pixels:
    """A map as a web page shows it: roads, blocks, water, parks, names, a pin."""
    sizes = (*DESKTOPS, *PHONES)
    width, height = sizes[random.integers(len(sizes))]
    dark = random.random() < 0.25
    land = _colour(random, 30, 60) if dark else _colour(random, 225, 250)
    image = Image.new("RGB", (width, height), land)
    draw = ImageDraw.Draw(image)
    for tint in ((170, 205, 235), (195, 225, 180), (200, 230, 190)):
        middle = random.uniform((0, 0), (width, height))
        turns = np.sort(random.uniform(0, 2 * math.pi, 9))
        radii = random.uniform(60, 300, 9)
        shape = middle + radii[:, None] * np.stack((np.cos(turns), np.sin(turns)), 1)
        draw.polygon([tuple(p) for p in shape.tolist()], tuple(c // 3 if dark else c for c in tint))
    turn, reach = random.uniform(0, math.pi), 2 * max(width, height)
    for turned, roads in ((0.0, 14), (math.pi / 2 + random.normal(0, 0.1), 14), (0.7, 3)):
        along = np.array([math.cos(turn + turned), math.sin(turn + turned)])
        for _ in range(roads):
            start = random.uniform((0, 0), (width, height))
            ends = [tuple((start + reach * s * along).tolist()) for s in (-1, 1)]
            wide = int(random.choice([3, 5, 8, 14]))
            main = (250, 215, 120) if wide == 14 else (255, 255, 255)
            draw.line(ends, tuple(c // 2 if dark else c - 45 for c in main), wide + 2)
            draw.line(ends, tuple(c // 3 if dark else c for c in main), wide)
    font, ink = _font(random, int(random.integers(11, 16))), (220,) * 3 if dark else (70,) * 3
    for _ in range(int(random.integers(8, 30))):
        x, y = random.uniform((0, 0), (width, height)).tolist()
        draw.text((x, y), _words(random, 2), ink, font)
    x, y = (random.uniform(0.3, 0.7, 2) * (width, height)).tolist()
    draw.polygon([(x - 12, y - 30), (x + 12, y - 30), (x, y)], (220, 40, 40))
    draw.rounded_rectangle((12, 12, min(width - 12, 320), 52), 8, (255, 255, 255))
    return np.array(image)


def document(random: Random) -> Pixels:
    """A printed page, or one that was photographed under a lamp."""
    width, height = 620, 877
    image = Image.new("RGB", (width, height), _colour(random, 240))
    draw = ImageDraw.Draw(image)
    ink, margin = _colour(random, 0, 60), int(random.integers(30, 90))
    font = _font(random, int(random.integers(9, 16)))
    draw.text((margin, margin), _words(random, 3), ink, _font(random, 24))
    columns = int(random.integers(1, 3))
    wide = (width - 2 * margin) // columns
    for column in range(columns):
        left, y = margin + column * wide, margin + 45
        while y < height - margin:
            high = int(random.integers(60, 260))
            box = (left, y, left + wide - 14, min(y + high, height - margin))
            if random.random() < 0.2:  # a table
                for row in range(box[1], box[3], 22):
                    draw.line((box[0], row, box[2], row), ink)
                    draw.text((box[0] + 4, row + 3), _words(random, 3)[:24], ink, font)
            else:
                _paragraph(random, draw, box, font, ink)
            y += high + 14
    pixels = np.array(image)
    if random.random() < 0.5:
        lamp = 1 + 0.12 * noise(random, (height, width), (500, 500), 2)[..., None]
        paper = pixels * lamp * random.uniform((0.75, 0.7, 0.6), (1, 1, 1))
        pixels = paper.clip(0, 255).astype(np.uint8)
    return pixels


def plot(random: Random) -> Pixels:
    """Curves, bars, points, or a heat map, as matplotlib draws them."""
    dark = random.random() < 0.2
    with mpl.rc_context({"font.size": random.uniform(8, 14)}):
        figure = Figure(figsize=(6, random.uniform(3, 6)), dpi=100)
        FigureCanvasAgg(figure)
        rows, columns = random.integers(1, 3, 2).tolist()
        for axes in figure.subplots(rows, columns, squeeze=False).ravel():
            x, drawn = np.arange(40), random.integers(4)
            for _ in range(int(random.integers(1, 4))):
                y, tint = random.normal(size=40), random.uniform(0, 1, 3)
                if drawn == 0:
                    axes.plot(x, y.cumsum(), color=tint, linewidth=random.uniform(0.8, 3))
                elif drawn == 1:
                    axes.bar(x[:12], np.abs(y[:12]), color=tint)
                elif drawn == 2:
                    axes.scatter(random.normal(size=40), y, color=tint)
                else:
                    axes.imshow(random.normal(size=(12, 18)).cumsum(axis=1), aspect="auto")
            axes.set_title(_words(random, 2))
            axes.set_xlabel(_words(random, 1))
            axes.grid(visible=drawn != 3 and random.random() < 0.5)
            axes.set_facecolor("0.15" if dark else "1.0")
        figure.set_facecolor("0.1" if dark else "1.0")
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return np.array(Image.open(file).convert("RGB"))


def cartoon(random: Random) -> Pixels:
    """Flat shapes with outlines, in few colours: faces, houses, logos, of sorts."""
    width, height = 640, int(random.choice([360, 480, 640]))
    image = Image.new("RGB", (width, height), _colour(random, 120))
    draw = ImageDraw.Draw(image)
    line = int(random.integers(0, 7))
    palette = [_colour(random) for _ in range(int(random.integers(3, 7)))]
    for _ in range(int(random.integers(4, 30))):
        x, y = random.uniform((-50, -50), (width, height)).tolist()
        wide, high = random.uniform(20, 260, 2).tolist()
        fill, shape = palette[random.integers(len(palette))], random.integers(4)
        if shape == 0:
            draw.ellipse((x, y, x + wide, y + high), fill, (0, 0, 0), line)
        elif shape == 1:
            draw.rounded_rectangle((x, y, x + wide, y + high), 12, fill, (0, 0, 0), line)
        elif shape == 2:
            corners = random.uniform((x, y), (x + wide, y + high), (5, 2)).tolist()
            draw.polygon([tuple(corner) for corner in corners], fill, (0, 0, 0), line)
        else:
            start, end = random.uniform(0, 360, 2).tolist()
            draw.arc((x, y, x + wide, y + high), start, end, (0, 0, 0), line + 1)
    return np.array(image)


def blank_wall(random: Random) -> Pixels:
    """A wall or a sheet of one colour under uneven light, more or less grainy."""
    shape = (360, 480)
    light = 1 + random.uniform(0, 0.15) * noise(random, shape, (300, 300), 2)
    rough = random.uniform(0, 0.06) * noise(random, shape, (3, 3), 2)
    slope = np.linspace(random.uniform(0.7, 1.1), 1, shape[1]) if random.random() < 0.7 else 1.0
    wall = random.uniform(30, 255, 3) * (light * slope + rough)[..., None]
    pixels: Pixels = wall.clip(0, 255).astype(np.uint8)
    return pixels


DRAWN: dict[str, Callable[[Random], Pixels]] = {
    "chat": chat,
    "web page": web_page,
    "code": code_editor,
    "map": street_map,
    "document": document,
    "plot": plot,
    "cartoon": cartoon,
    "blank wall": blank_wall,
}
