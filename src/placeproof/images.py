"""Reading pictures safely: any file goes in, an upright sRGB picture or a clear error comes out."""

import functools
import hashlib
import io
import stat
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from placeproof.errors import (
    ImageTooLargeError,
    ImageTooSmallError,
    NotAnImageError,
    PlaceproofError,
    TruncatedImageError,
)
from placeproof.metadata import Metadata, orientation, read_metadata

MAX_BYTES = 2**31
# A panorama of 20000 x 10000 pixels fits, and the largest picture decodes within 4 GiB: Pillow
# needs 10 to 16 bytes for each pixel. What claims to be larger is a bomb, or no photo.
MAX_PIXELS = 2**28
MIN_SIDE = 32  # pixels: one patch of the coarsest features (stride 32)
# AVIF goes before HEIF: the file type "mif1" is either, and only AVIF's reader looks further.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
_READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and HEIC"

# Held while a picture is decoded, as Pillow's limit and Python's warning filters are the whole
# process's, and so that threads do not need the memory for several large pictures at once.
_decoding = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it was read.

    Attributes:
        path: The file, as it was given.
        sha256: SHA-256 of the file's bytes, 64 hexadecimal digits.
        pixels: (H, W, 3) uint8, sRGB, upright, read-only.
        metadata: What the picture says of itself.
    """

    path: Path
    sha256: str
    pixels: NDArray[np.uint8]
    metadata: Metadata


def read_picture(path: Path) -> Picture:
    """Reads a picture, once and without writing anything.

    Of an animation, the first frame is read. Colours are converted to sRGB through the embedded
    profile; where there is none or it is damaged, they are taken for sRGB, or for plain CMYK.
    Transparent parts become white, as on the page of a browser: the colours that lie hidden
    under them have never been seen by anybody, and could be anything.

    Raises:
        NotAnImageError: If there is no such file, or it is out of reach or no sound picture.
        TruncatedImageError: If the file is empty or ends too early.
        ImageTooLargeError: If it has more than ``MAX_PIXELS`` pixels (known before decoding) or
            2 GiB, or needs more memory than there is.
        ImageTooSmallError: If a side has fewer than ``MIN_SIDE`` pixels.
    """
    name = repr(path.name)
    data = _read_bytes(path)
    if not data:
        raise TruncatedImageError(f"{name} is empty: it has 0 bytes")
    try:
        with _decoding, warnings.catch_warnings(action="ignore"):  # on odd but harmless metadata
            image = _open(data)
            _check_size(name, *image.size)
            image.load()
            metadata = read_metadata(image)
            pixels = np.asarray(_upright(_to_srgb(image), orientation(image)))
    except PlaceproofError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageTooLargeError(
            f"{name} has more than the {MAX_PIXELS:,} pixels that are read; make it smaller"
        ) from error
    except MemoryError as error:
        raise ImageTooLargeError(
            f"{name} needs more memory than there is; make it smaller"
        ) from error
    except Exception as error:  # hostile bytes make the decoders raise nearly anything
        if "truncated" in str(error).lower() or _ends_early(data):
            raise TruncatedImageError(
                f"{name} ends too early: its copy or download was cut off; get it again"
            ) from error
        if isinstance(error, UnidentifiedImageError):
            raise NotAnImageError(
                f"{name} is no picture that placeproof reads, which are {_READABLE}"
            ) from error
        raise NotAnImageError(
            f"{name} is damaged, or of a rare kind that cannot be decoded; save it as JPEG or PNG"
        ) from error
    return Picture(path, hashlib.sha256(data).hexdigest(), pixels, metadata)


def _read_bytes(path: Path) -> bytes:
    """The bytes of a regular file; a pipe or device could go on for ever."""
    name = repr(path.name)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise NotAnImageError(f"{str(path)!r} is a folder; name a picture in it")
        if not stat.S_ISREG(status.st_mode):
            raise NotAnImageError(f"{name} is no regular file")
        if status.st_size > MAX_BYTES:
            raise ImageTooLargeError(f"{name} is larger than 2 GiB")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotAnImageError(f"there is no file {str(path)!r}") from error
    except OSError as error:
        raise NotAnImageError(f"{name} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a null character
        raise NotAnImageError(f"{name} is no file name") from error


def _open(data: bytes) -> Image.Image:
    """Reads the header, no pixels yet."""
    _register_heif()
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@functools.cache
def _register_heif() -> None:
    """Teaches Pillow HEIC; only when a picture is read, as the import takes its time."""
    import pillow_heif

    pillow_heif.register_heif_opener()


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageTooLargeError(
            f"{name} has {width} x {height} pixels, more than the {MAX_PIXELS:,} that are read; "
            "make it smaller"
        )
    if min(width, height) < MIN_SIDE:
        raise ImageTooSmallError(
            f"{name} has {width} x {height} pixels; each side needs at least {MIN_SIDE}"
        )


def _to_srgb(image: Image.Image) -> Image.Image:
    """A loaded picture of any mode in mode RGB."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith(("I", "F")):
        image = _to_8_bits(image)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image).convert("RGB")
    elif image.mode not in ("L", "CMYK", "RGB"):
        image = image.convert("RGB")
    if profile:
        image = _through_profile(image, profile)
    return image if image.mode == "RGB" else image.convert("RGB")


def _through_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """A picture in mode RGB; as it was, if its colour profile is damaged or another mode's."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image


def _to_8_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 or 32 bits or of floats in mode L.

    16 bits reach from black to white. The others name no white: they are stretched, so that
    their darkest pixel becomes black and their brightest white.
    """
    values = np.asarray(image).astype(np.float32)
    low, high = 0.0, 65535.0
    if not image.mode.startswith("I;16"):
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    values = (values - low) * (255 / max(high - low, 1e-30))
    return Image.fromarray(values.round().astype(np.uint8))


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turns a picture as its EXIF orientation asks."""
    image.info.clear()  # of which Pillow would turn the rest, too, and may fail
    image.getexif()[ExifTags.Base.Orientation] = orientation
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _ends_early(data: bytes) -> bool:
    """Whether a file that could not be decoded begins as a picture and lacks its end."""
    if data.startswith(b"\xff\xd8\xff"):
        return not data.rstrip(b"\0").endswith(b"\xff\xd9")
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-64:]
    if data.startswith(b"GIF8"):
        return _gif_end(data) > len(data)
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith(b"BM"):
        return int.from_bytes(data[2:6], "little") > len(data)
    if data.startswith((b"II*\0", b"MM\0*")):
        little = data.startswith(b"II")
        return int.from_bytes(data[4:8], "little" if little else "big") + 2 > len(data)
    if data[4:8] == b"ftyp":
        return b"mdat" not in data or _last_box_end(data) > len(data)
    return False


def _gif_end(data: bytes) -> int:
    """Where a GIF ends, by the lengths that its blocks state; beyond the data if it is cut off."""

    def table(flags: int) -> int:  # of colours
        return 3 * 2 ** (1 + flags % 8) if flags & 0x80 else 0

    whole = data + bytes(1024)  # so that a length that is missing is 0
    place = 13 + table(whole[10])
    while place < len(data) and data[place : place + 1] != b";":
        if data[place : place + 1] == b",":
            place += 11 + table(whole[place + 9])
        elif data[place : place + 1] == b"!":
            place += 2
        else:  # no block begins like that: damaged, and not cut off
            return len(data)
        while place < len(data) and data[place]:
            place += 1 + data[place]
        place += 1
    return place + 1


def _last_box_end(data: bytes) -> int:
    """Where the last of the boxes that an ISO base media file (AVIF, HEIC) consists of ends."""
    start = 0
    while start < len(data):
        size = int.from_bytes(data[start : start + 4], "big")
        if size == 1:
            size = int.from_bytes(data[start + 8 : start + 16], "big")
        if size < 8:  # 0: to the end of the file; others are damaged
            return len(data)
        start += size
    return start
