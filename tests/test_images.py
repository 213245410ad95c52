import errno
import hashlib
import io
import itertools
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from placeproof.errors import (
    ImageTooLargeError,
    ImageTooSmallError,
    NotAnImageError,
    PlaceproofError,
    TruncatedImageError,
)
from placeproof.images import MAX_BYTES, MAX_PIXELS, MIN_SIDE, Picture, read_picture

pillow_heif.register_heif_opener()
PILLOWS_LIMIT = Image.MAX_IMAGE_PIXELS

# 35 blocks of 8 x 8 pixels of one colour: a palette holds them all, and lossy formats keep most.
BLOCKS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
PIXELS = BLOCKS.repeat(8, 0).repeat(8, 1)
CYAN = (255, 0, 0, 0)  # in CMYK
LOSSLESS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("WEBP", {"lossless": True}),
    ("GIF", {}),
]
LOSSY: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {"quality": 95, "subsampling": 0}),
    ("WEBP", {"quality": 95}),
    ("AVIF", {"quality": 90, "subsampling": "4:4:4"}),
    ("HEIF", {"quality": 90, "chroma": 444}),
]
EVERY = LOSSLESS + LOSSY
NAMES = [" ".join([name, *map(str, options.values())]) for name, options in EVERY]


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


FILES = [encoded(Image.fromarray(PIXELS), name, **options) for name, options in EVERY]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a picture may be put; its suffix says nothing."""
    return tmp_path_factory.mktemp("pictures") / "picture"


def read(path: Path, data: bytes) -> NDArray[np.uint8]:
    path.write_bytes(data)
    return read_picture(path).pixels


def failure(path: Path) -> PlaceproofError:
    """The error that a file provokes, which is always one line that names the file."""
    with pytest.raises(PlaceproofError) as caught:
        read_picture(path)
    assert str(caught.value).isprintable()
    assert path.name in str(caught.value)
    return caught.value


def failure_of(path: Path, data: bytes) -> PlaceproofError:
    path.write_bytes(data)
    return failure(path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colours: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join((chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")))


# Formats


@pytest.mark.parametrize(("name", "options"), LOSSLESS)
def test_lossless_formats(path: Path, name: str, options: dict[str, Any]) -> None:
    assert np.array_equal(read(path, encoded(Image.fromarray(PIXELS), name, **options)), PIXELS)


@pytest.mark.parametrize(("name", "options"), LOSSY)
def test_lossy_formats(path: Path, name: str, options: dict[str, Any]) -> None:
    pixels = read(path, encoded(Image.fromarray(PIXELS), name, **options))
    assert pixels.shape == PIXELS.shape
    assert np.abs(pixels.astype(int) - PIXELS).mean() < 20


def test_what_is_known_of_a_picture(path: Path) -> None:
    data = encoded(Image.fromarray(PIXELS), "PNG")
    path.write_bytes(data)
    before = path.stat()
    picture = read_picture(path)
    assert picture.path == path
    assert picture.sha256 == hashlib.sha256(data).hexdigest()
    assert picture.pixels.dtype == np.uint8
    assert not picture.pixels.flags.writeable
    assert picture.metadata.location is None
    assert path.read_bytes() == data
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert list(path.parent.iterdir()) == [path], "nothing is written beside a picture"


@pytest.mark.parametrize(("name", "options"), [*LOSSLESS[:1], *LOSSLESS[-2:]])
def test_of_an_animation_the_first_frame(path: Path, name: str, options: dict[str, Any]) -> None:
    others = [Image.fromarray(255 - PIXELS), Image.fromarray(PIXELS[::-1].copy())]
    options = options | {"save_all": True, "append_images": others, "duration": 100}
    data = encoded(Image.fromarray(PIXELS), name, **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3  # type: ignore[attr-defined]
    assert np.array_equal(read(path, data), PIXELS)


# Modes


def test_16_bit_grey(path: Path) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64)
    image = Image.fromarray(ramp.astype(np.uint16))
    expected = np.repeat((ramp / 257).round().astype(np.uint8)[..., None], 3, axis=2)
    for form in ("PNG", "TIFF"):
        pixels = read(path, encoded(image, form)).astype(int)
        assert np.abs(pixels - expected).max() <= 1
        assert (pixels.min(), pixels.max()) == (0, 255)


def test_16_bit_colour(path: Path) -> None:
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in PIXELS)
    data = png(56, 40, chunk(b"IDAT", zlib.compress(rows)), depth=16)
    assert np.array_equal(read(path, data), PIXELS)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-5.0, 1e6), (3.0, 3.0)])
def test_floats_are_stretched(path: Path, low: float, high: float) -> None:
    values = np.linspace(low, high, 64 * 64, dtype=np.float32).reshape(64, 64)
    values[0, :3] = np.nan, np.inf, -np.inf
    pixels = read(path, encoded(Image.fromarray(values), "TIFF"))
    white = 255 if high > low else 0
    assert pixels[0, :3, 0].tolist() == [0, white, 0]
    assert abs(int(pixels[32, 0, 0]) - white / 2) <= 1
    assert pixels[-1, -1].tolist() == [white] * 3


def test_32_bit_integers_are_stretched(path: Path) -> None:
    values = np.linspace(-(2**31), 2**31 - 1, 64 * 64).astype(np.int32).reshape(64, 64)
    pixels = read(path, encoded(Image.fromarray(values), "TIFF"))
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[-1, -1].tolist() == [255, 255, 255]
    assert abs(int(pixels[32, 0, 0]) - 128) <= 1


def test_grey_and_black_and_white(path: Path) -> None:
    grey = Image.fromarray(PIXELS).convert("L")
    expected = np.asarray(grey)[..., None].repeat(3, axis=2)
    assert np.array_equal(read(path, encoded(grey, "PNG")), expected)
    bits = grey.point(lambda value: 255 * (value > 100)).convert("1", dither=Image.Dither.NONE)
    assert set(np.unique(read(path, encoded(bits, "PNG")))) == {0, 255}


def test_palette(path: Path) -> None:
    image = Image.fromarray(PIXELS).quantize(64, dither=Image.Dither.NONE)
    for form in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(read(path, encoded(image, form)), np.asarray(image.convert("RGB")))


def transparent(mode: str) -> Image.Image:
    """Red or grey pixels, opaque on the left and wholly transparent on the right."""
    alpha = Image.new("L", (64, 64), 0)
    alpha.paste(255, (0, 0, 32, 64))
    image = Image.new(mode[:-1], (64, 64), "red")
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize(("mode", "form"), [("RGBA", "PNG"), ("RGBA", "WEBP"), ("LA", "PNG")])
def test_transparent_parts_are_white(path: Path, mode: str, form: str) -> None:
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    pixels = read(path, encoded(transparent(mode), form, **options))
    assert (pixels[:, 32:] == 255).all()
    assert pixels[0, 0].tolist() == ([255, 0, 0] if mode == "RGBA" else [76] * 3)


def test_half_transparent_is_half_white(path: Path) -> None:
    image = Image.new("RGBA", (64, 64), (200, 0, 0, 128))
    for form in ("PNG", "TIFF"):
        found = read(path, encoded(image, form))[5, 5].astype(int)
        assert np.abs(found - (227, 127, 127)).max() <= 1


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_is_white(path: Path, mode: str) -> None:
    image = Image.new("RGB", (64, 64), (0, 0, 90))
    image.paste((200, 200, 0), (0, 0, 64, 32))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    key = image.getpixel((0, 63))
    pixels = read(path, encoded(image, "PNG", transparency=key))
    assert (pixels[32:] == 255).all()
    assert np.array_equal(pixels[:32], np.asarray(image.convert("RGB"))[:32])


# Colours


def cmyk_profile(lightness: Callable[[int, int, int, int], int]) -> bytes:
    """A printer's ICC profile, whose colours are grey: L* (0-255) of C, M, Y, K that are 0 or 1."""
    grid = (lightness(*cmyk) for cmyk in itertools.product((0, 1), repeat=4))
    table = b"".join(bytes((value, 128, 128)) for value in grid)
    unit = struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    ramp = bytes(range(256))
    lut = b"mft1" + bytes((0, 0, 0, 0, 4, 3, 2, 0)) + unit + ramp * 4 + table + ramp * 3
    header = struct.pack(">I4sI4s4s4s", 144 + len(lut), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    header = (header + bytes(12) + b"acsp").ljust(128, b"\0")
    return header + struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """An RGB profile whose red is sRGB's blue, and the reverse."""
    return (
        srgb_profile().replace(b"rXYZ", b"----").replace(b"bXYZ", b"rXYZ").replace(b"----", b"bXYZ")
    )


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk(path: Path, form: str) -> None:
    for ink, expected in [
        (CYAN, (0, 255, 255)),
        ((0, 0, 0, 255), (0, 0, 0)),
        ((0,) * 4, (255,) * 3),
    ]:
        pixels = read(path, encoded(Image.new("CMYK", (64, 64), ink), form))
        assert np.abs(pixels.astype(int) - expected).max() < 5


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_through_its_profile(path: Path, form: str) -> None:
    profile = cmyk_profile(lambda c, _m, _y, _k: 0 if c else 255)  # where only cyan ink is dark
    for ink, expected in [(CYAN, 0), ((0, 0, 0, 255), 255)]:
        image = Image.new("CMYK", (64, 64), ink)
        pixels = read(path, encoded(image, form, icc_profile=profile))
        assert np.abs(pixels.astype(int) - expected).max() < 5


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF", "HEIF"])
def test_rgb_through_its_profile(path: Path, form: str) -> None:
    image = Image.new("RGB", (64, 64), (250, 10, 10))
    pixels = read(path, encoded(image, form, icc_profile=swapped_profile())).astype(int)
    assert np.abs(pixels - (10, 10, 250)).max() < 12


def test_srgb_stays_as_it_is(path: Path) -> None:
    every = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(every), "PNG", icc_profile=srgb_profile())
    assert np.array_equal(read(path, data), every)


@pytest.mark.parametrize(
    "profile",
    [b"garbage", srgb_profile()[:200], cmyk_profile(lambda *_: 0), bytes(128) + b"acsp"],
    ids=["garbage", "truncated", "of another mode", "zeros"],
)
def test_a_profile_that_does_not_fit_is_ignored(path: Path, profile: bytes) -> None:
    data = encoded(Image.fromarray(PIXELS), "PNG", icc_profile=profile)
    assert np.array_equal(read(path, data), PIXELS)


def test_a_transparent_picture_with_a_profile(path: Path) -> None:
    image = transparent("RGBA")
    pixels = read(path, encoded(image, "PNG", icc_profile=swapped_profile()))
    assert pixels[0, 0].tolist() == [0, 0, 255]
    assert (pixels[:, 32:] >= 254).all()


# Orientation


def exif(**tags: object) -> Image.Exif:
    block = Image.Exif()
    for name, value in tags.items():
        block[ExifTags.Base[name]] = value
    return block


TURNS: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    1: lambda shown: shown,
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.transpose(1, 0, 2),
    6: lambda shown: np.rot90(shown, 1),  # stored so, it has to be turned clockwise
    7: lambda shown: shown[::-1, ::-1].transpose(1, 0, 2),
    8: lambda shown: np.rot90(shown, -1),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_pictures_are_turned_upright(path: Path, form: str, orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](PIXELS)))
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(stored, form, exif=exif(Orientation=orientation), **options)
    assert np.array_equal(read(path, data), PIXELS)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(("form", "options"), LOSSY)
def test_and_not_turned_twice(
    path: Path, form: str, options: dict[str, Any], orientation: int
) -> None:
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](PIXELS)))
    block = exif(Orientation=orientation).tobytes()
    pixels = read(path, encoded(stored, form, exif=block, **options))
    assert pixels.shape == PIXELS.shape
    assert np.abs(pixels.astype(int) - PIXELS).mean() < 20


def test_damaged_exif_spoils_no_picture(path: Path) -> None:
    block = exif(Orientation=6, Make="someone", Software="x" * 50).tobytes()
    for end in range(6, len(block)):
        for tail in (b"", b"\xff" * 20):
            data = encoded(Image.fromarray(PIXELS), "PNG", exif=block[:end] + tail)
            assert read(path, data).shape in {(40, 56, 3), (56, 40, 3)}


def test_exif_that_cannot_be_written_back(path: Path) -> None:
    orientation = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    resolution = struct.pack(">HHI4s", 0x011A, 2, 4, b"abc")  # a text, which is no resolution
    block = b"Exif\0\0MM\0*\0\0\0\x08\0\2" + orientation + resolution + bytes(4)
    stored = Image.fromarray(np.rot90(PIXELS).copy())
    assert np.array_equal(read(path, encoded(stored, "PNG", exif=block)), PIXELS)


# No pictures


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"\0" * 5000,
        b"<html><body><img src='a.jpg'></body></html>",
        b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>",
        b"PK\x03\x04" + bytes(100),
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n",
        b"P6\n64 64\n255\n" + bytes(64 * 64 * 3),
        b"\xff\xd8\xff\xd9",
    ],
)
def test_not_an_image(path: Path, data: bytes) -> None:
    assert isinstance(failure_of(path, data), NotAnImageError)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.jpg").write_bytes(FILES[0])
    os.mkfifo(tmp_path / "pipe")
    for name, reason in {
        "folder": "is a folder",
        "missing.jpg": "there is no file",
        "a.jpg/b.jpg": "Not a directory",
        "pipe": "no regular file",
        "x" * 300: "File name too long",
    }.items():
        error = failure(tmp_path / name)
        assert isinstance(error, NotAnImageError)
        assert reason in str(error)
    with pytest.raises(NotAnImageError, match="is no file name"):
        read_picture(Path("a\0b.jpg"))
    with pytest.raises(NotAnImageError) as caught:
        read_picture(tmp_path / "two\nlines\x1b[31m")
    assert str(caught.value).isprintable()


def test_an_unreadable_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    path.write_bytes(FILES[0])
    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(NotAnImageError, match="cannot be read: Permission denied"):
        read_picture(path)


# Truncated pictures


def test_an_empty_file(path: Path) -> None:
    error = failure_of(path, b"")
    assert isinstance(error, TruncatedImageError)
    assert "0 bytes" in str(error)


@pytest.mark.parametrize("data", FILES, ids=NAMES)
@settings(max_examples=40)
@given(end=st.floats(0.01, 1, exclude_max=True))
def test_truncated_anywhere(path: Path, data: bytes, end: float) -> None:
    cut = data[: max(12, int(end * len(data)))]
    path.write_bytes(cut)
    try:
        pixels = read_picture(path).pixels
    except TruncatedImageError as error:
        assert str(error).isprintable()
    except NotAnImageError:
        assert data.startswith(b"II*"), "a TIFF has its parts anywhere"
    else:
        path.write_bytes(data)
        assert np.array_equal(pixels, read_picture(path).pixels), "only what follows the pixels"


def test_a_gif_that_is_cut_behind_what_looks_like_its_end(path: Path) -> None:
    data = FILES[NAMES.index("GIF")]
    ends = [end for end in range(12, len(data)) if data[:end].endswith(b";")]
    assert ends
    for end in ends:
        assert isinstance(failure_of(path, data[:end]), TruncatedImageError)


@pytest.mark.parametrize("data", FILES, ids=NAMES)
def test_cut_in_half(path: Path, data: bytes) -> None:
    assert isinstance(failure_of(path, data[: len(data) // 2]), TruncatedImageError)


# Too large and too small


@pytest.mark.parametrize("size", [(60000, 60000), (2**15, 2**14), (2**14 + 1, 2**14), (2**30, 32)])
def test_a_decompression_bomb(path: Path, size: tuple[int, int]) -> None:
    bomb = png(*size, chunk(b"IDAT", zlib.compress(bytes(1000))))
    with warnings.catch_warnings(record=True) as warned:
        assert isinstance(failure_of(path, bomb), ImageTooLargeError)
    assert not warned


def test_the_limit_itself_is_not_too_large(path: Path) -> None:
    assert MAX_PIXELS == 2**14 * 2**14
    data = png(2**14, 2**14, chunk(b"IDAT", zlib.compress(bytes(1000))))
    assert isinstance(failure_of(path, data), TruncatedImageError)


@pytest.mark.parametrize("form", ["GIF", "BMP", "TIFF", "HEIF"])
def test_bombs_of_other_formats(path: Path, form: str) -> None:
    data = bytearray(encoded(Image.new("RGB", (64, 64)), form))
    place, size = {
        "GIF": (6, struct.pack("<HH", 60000, 60000)),
        "BMP": (18, struct.pack("<ii", 60000, 60000)),
        "TIFF": (0, b""),
        "HEIF": (data.find(b"ispe") + 8, struct.pack(">II", 30000, 30000)),
    }[form]
    data[place : place + len(size)] = size
    if form == "TIFF":  # width and height, LONGs in the first directory
        for tag in (256, 257):
            entry = data.find(struct.pack("<HHI", tag, 4, 1))
            data[entry + 8 : entry + 12] = struct.pack("<I", 60000)
    assert isinstance(failure_of(path, bytes(data)), ImageTooLargeError)


def test_a_text_bomb(path: Path) -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**26)))
    data = encoded(Image.fromarray(PIXELS), "PNG")
    assert isinstance(failure_of(path, data[:33] + text + data[33:]), NotAnImageError)
    info = PngInfo()
    info.add_text("Comment", "harmless", zip=True)
    assert np.array_equal(read(path, encoded(Image.fromarray(PIXELS), "PNG", pnginfo=info)), PIXELS)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    error = failure(tmp_path / "large.jpg")
    assert isinstance(error, ImageTooLargeError)
    assert "2 GiB" in str(error)


def test_too_little_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    path.write_bytes(FILES[0])
    monkeypatch.setattr(Image.Image, "load", exhausted)
    error = failure(path)
    assert isinstance(error, ImageTooLargeError)
    assert "memory" in str(error)


@pytest.mark.parametrize("size", [(1, 1), (MIN_SIDE - 1, 500), (500, MIN_SIDE - 1)])
def test_too_small(path: Path, size: tuple[int, int]) -> None:
    assert isinstance(failure_of(path, encoded(Image.new("RGB", size), "PNG")), ImageTooSmallError)


def test_just_large_enough(path: Path) -> None:
    data = encoded(Image.new("RGB", (MIN_SIDE, MIN_SIDE)), "PNG")
    assert read(path, data).shape == (MIN_SIDE, MIN_SIDE, 3)


def test_a_panorama_of_20000_x_10000(path: Path) -> None:
    data = encoded(Image.new("RGB", (20000, 10000), "white"), "JPEG", quality=30)
    with warnings.catch_warnings(record=True) as warned:
        pixels = read(path, data)
    assert pixels.shape == (10000, 20000, 3)
    assert pixels[::999, ::999].min() == 255
    assert not warned


# Whatever comes


@pytest.mark.parametrize("data", FILES, ids=NAMES)
@settings(max_examples=60)
@given(
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4))
    ),
    end=st.just(1.0) | st.floats(0, 1),
    head=st.booleans(),
)
def test_damaged_anywhere(
    path: Path, data: bytes, changes: list[tuple[float, bytes]], end: float, head: bool
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        start = int(place * (min(500, len(data)) if head else len(data)))
        damaged[start : start + len(value)] = value
    path.write_bytes(damaged[: int(end * len(damaged))])
    try:
        picture = read_picture(path)
    except PlaceproofError as error:
        assert str(error).isprintable()
    else:
        assert isinstance(picture, Picture)
        assert picture.pixels.shape[2] == 3
        assert picture.pixels.dtype == np.uint8


def test_nothing_stays_changed_for_the_rest_of_the_process(path: Path) -> None:
    filters = list(warnings.filters)
    paths = [path.with_name(f"{index}") for index in range(len(FILES))]
    for file, data in zip(paths, FILES, strict=True):
        file.write_bytes(data)
    broken = path.with_name("broken")
    broken.write_bytes(FILES[0][:100])

    def attempt(file: Path) -> bool:
        try:
            return read_picture(file).pixels.shape == PIXELS.shape
        except TruncatedImageError:
            return file == broken

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(attempt, [*paths, broken] * 4))
    assert Image.MAX_IMAGE_PIXELS == PILLOWS_LIMIT
    assert filters == list(warnings.filters)
