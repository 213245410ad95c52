"""Pictures made of real ones: what can still be matched in them, and what can no longer.

``tools/fit_photo_kind.py`` fits to them.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from drawn_pictures import web_page
from placeproof.geometry import View
from placeproof.scene.materials import WALLS, asphalt, paving, roof_tiles
from placeproof.scene.textures import noise
from placeproof.training.views import cut

Pixels = NDArray[np.uint8]
Random = np.random.Generator

SHAPES = ((512, 384), (512, 288), (384, 512), (448, 448))  # of photos
MUCH_DETAIL = 0.03  # mean step from pixel to pixel that no sky has; the full range is 1


def view(
    panorama: Pixels,
    random: Random,
    pitches: tuple[float, float] = (-8.0, 20.0),
    fovs: tuple[float, float] = (45.0, 95.0),
) -> Pixels:
    """A photo of any shape in any direction from a panorama, its longer side 512 pixels.

    Args:
        panorama: (H, W, 3), W = 2 H.
        random: Draws it.
        pitches: Between which the camera looks, degrees.
        fovs: Between which its longer side sees, degrees.
    """
    width, height = SHAPES[random.integers(len(SHAPES))]
    half = math.tan(math.radians(random.uniform(*fovs)) / 2) * width / max(width, height)
    camera = View(
        yaw=random.uniform(-180, 180),
        pitch=random.uniform(*pitches),
        roll=random.normal(0, 2),
        fov=2 * math.degrees(math.atan(half)),
        width=width,
        height=height,
    )
    return cut(panorama, camera, (width, height))


def sky(panorama: Pixels, random: Random) -> Pixels | None:
    """What is above an outdoor panorama, or None where something stands in the way."""
    picture = view(panorama, random, (45.0, 85.0), (30.0, 60.0))
    light = picture.mean(axis=2) / 255
    step = np.abs(np.diff(light, axis=0)).mean() + np.abs(np.diff(light, axis=1)).mean()
    edges = np.abs(np.diff(light, axis=1)) > 0.08
    return picture if step < MUCH_DETAIL and edges.mean() < 0.005 else None


def clouds(random: Random) -> Pixels:
    """A sky made by code: a gradient, from any hour of the day, and clouds."""
    height, width = 360, 480
    day, dusk = random.uniform(0.4, 1.0), random.random() < 0.3
    zenith = day * random.uniform((20, 80, 150), (130, 170, 255))
    horizon = day * (np.array((255, 150, 110)) if dusk else random.uniform((150, 190, 210), 255))
    slope = np.linspace(0, 1, height)[:, None, None] ** random.uniform(0.5, 2)
    clear = zenith * (1 - slope) + horizon * slope
    scale = random.uniform(60, 400)
    form = noise(random, (height, width), (scale, scale * random.uniform(1, 3)), 6)
    amount = 1 / (1 + np.exp(-(form - random.normal(0, 1)) * random.uniform(1, 6)))
    cloud = random.uniform(120, 255) * (1 + 0.1 * noise(random, (height, width), (90, 90), 4))
    picture = clear * (1 - amount[..., None]) + (cloud * amount)[..., None]
    pixels: Pixels = picture.clip(0, 255).astype(np.uint8)
    return pixels


def ground(panorama: Pixels, random: Random) -> Pixels:
    """A few square feet before the photographer, strongly magnified."""
    return view(panorama, random, (-38.0, -20.0), (5.0, 14.0))


def surface(random: Random) -> Pixels:
    """A metre or two of a wall or of the ground, seen straight on or aslant, with its grain."""
    material = [*WALLS, asphalt, paving, roof_tiles][random.integers(len(WALLS) + 3)]
    metres = random.uniform(0.4, 2.5)
    picture = material(random, (metres * 4 / 3, metres), 480 / metres)[:480, :640]
    rough = noise(random, picture.shape[:2], (2, 2), 4)[..., None]
    picture = picture * (1 + random.uniform(0, 0.12) * rough)
    pixels = (picture.clip(0, 1) * 255).astype(np.uint8)
    return _aslant(pixels, random, 0.3) if random.random() < 0.6 else pixels


def _aslant(picture: Pixels, random: Random, depth: float) -> Pixels:
    """The picture in perspective: its corners move inwards and what remains fills the frame."""
    image = Image.fromarray(picture)
    width, height = image.size
    inwards = random.uniform(0, depth, (4, 2)) * (width, height)
    signs = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)])
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)]) + signs * inwards
    bent = image.transform(
        image.size, Image.Transform.QUAD, corners.ravel().tolist(), Image.Resampling.BICUBIC
    )
    return np.array(bent)


def pencil(photo: Pixels, random: Random) -> Pixels:
    """A drawing in pencil or ink, traced from a photo."""
    grey = ImageOps.grayscale(Image.fromarray(photo))
    soft = np.array(grey.filter(ImageFilter.GaussianBlur(random.uniform(2, 8))), dtype=np.float32)
    lines = (np.array(grey) / soft.clip(1)).clip(0, 1) ** random.uniform(1.5, 4)
    if random.random() < 0.4:  # ink
        lines = (lines > 0.75).astype(np.float32)
    paper = random.uniform((235, 225, 205), (255, 255, 255))
    pixels: Pixels = (lines[..., None] * paper).astype(np.uint8)
    return pixels


def painted(photo: Pixels, random: Random) -> Pixels:
    """A comic's picture, traced from a photo: a few flat colours, mostly with dark outlines."""
    image = ImageOps.contain(Image.fromarray(photo), (384, 384))
    flat = image.filter(ImageFilter.ModeFilter(int(random.choice([5, 7, 9]))))
    flat = flat.quantize(int(random.integers(4, 9))).convert("RGB")
    pixels = np.array(flat.filter(ImageFilter.ModeFilter(5)))
    if random.random() < 0.7:
        soft = ImageOps.grayscale(image.filter(ImageFilter.GaussianBlur(1.5)))
        edges = np.array(soft.filter(ImageFilter.FIND_EDGES))
        pixels[edges > random.uniform(14, 30)] = 20
    return pixels


def at_night(photo: Pixels, random: Random) -> Pixels:
    """The same at night: dark, of lamps' colour, grainy."""
    light = (photo / 255) ** random.uniform(1.5, 2.6) * random.uniform(0.25, 0.7)
    light = light * random.uniform((0.9, 0.7, 0.4), (1.1, 1.0, 1.1))
    light = light + random.uniform(0.01, 0.04) * random.standard_normal(photo.shape)
    pixels: Pixels = (light.clip(0, 1) * 255).astype(np.uint8)
    return pixels


def in_a_screenshot(photo: Pixels, random: Random) -> Pixels:
    """A telephone or a browser that shows a photo, whole, with little else around it."""
    page = Image.fromarray(web_page(random))
    shown = Image.fromarray(photo)
    width, height = page.size
    if width < height:  # a telephone: bars above and below
        shown = ImageOps.contain(shown, (width, height))
        bar = int(random.integers(30, 110))
        page = page.crop((0, 0, width, shown.height + 2 * bar))
        page.paste(shown, (0, bar))
    else:
        shown = ImageOps.fit(shown, (round(width * random.uniform(0.75, 1)), round(height * 0.85)))
        page.paste(shown, (width - shown.width, height - shown.height))
    return np.array(page)


def on_a_screen(photo: Pixels, random: Random) -> Pixels:
    """A screen that shows a photo, photographed: aslant, its frame, its grid, a reflection."""
    shown = Image.fromarray(photo)
    width, height = shown.size
    edge = int(random.integers(8, 40))
    frame = ImageOps.expand(shown, edge, tuple(random.integers(5, 60, 3).tolist()))
    bent = _aslant(np.array(frame.resize((width, height))), random, 0.05).astype(np.float32)
    rows, columns = np.ogrid[:height, :width]
    turn, period = random.uniform(0, math.pi), random.uniform(2.5, 9)
    wave = np.sin((columns * math.cos(turn) + rows * math.sin(turn)) * 2 * math.pi / period)
    bent *= 1 + random.uniform(0.02, 0.08) * wave[..., None]
    glare = Image.new("L", (width, height))
    x, y = random.uniform((0, 0), (width, height)).tolist()
    ImageDraw.Draw(glare).ellipse((x - 90, y - 60, x + 90, y + 60), int(random.integers(40, 140)))
    bent += np.array(glare.filter(ImageFilter.GaussianBlur(45)), dtype=np.float32)[..., None]
    pixels: Pixels = bent.clip(0, 255).astype(np.uint8)
    return pixels
