import io
import math
import struct
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pillow_heif
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from placeproof.location import Location
from placeproof.metadata import GPano, Metadata, orientation, read_metadata

# EXIF is written here by hand: Pillow refuses to write what broken devices write.

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, DOUBLE = 1, 2, 3, 4, 5, 7, 12
SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1, DOUBLE: 8}
IFD_EXIF, IFD_GPS = 0x8769, 0x8825
ORIENTATION, DATE, OFFSET, MAKER_NOTE, FOCAL_35MM = 0x0112, 0x9003, 0x9011, 0x927C, 0xA405
LAT_REF, LAT, LON_REF, LON, DIRECTION_REF, DIRECTION, DATUM = 1, 2, 3, 4, 16, 17, 18


FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"]


class Field(NamedTuple):
    tag: int
    type: int
    data: bytes


def text(tag: int, value: str) -> Field:
    return Field(tag, ASCII, value.encode() + b"\0")


def rational(tag: int, *fractions: tuple[int, int]) -> Field:
    return Field(tag, RATIONAL, b"".join(struct.pack(">II", *pair) for pair in fractions))


def double(tag: int, *values: float) -> Field:
    return Field(tag, DOUBLE, struct.pack(f">{len(values)}d", *values))


def directory(fields: Sequence[Field], start: int) -> bytes:
    """An EXIF directory that begins ``start`` bytes behind the TIFF header's start."""
    end = start + 2 + 12 * len(fields) + 4
    entries, values = struct.pack(">H", len(fields)), b""
    for tag, kind, data in sorted(fields):
        entries += struct.pack(">HHI", tag, kind, len(data) // SIZES[kind])
        if len(data) <= 4:
            entries += data.ljust(4, b"\0")
        else:
            entries += struct.pack(">I", end + len(values))
            values += data
    return entries + bytes(4) + values


def exif(gps: Sequence[Field] = (), sub: Sequence[Field] = (), main: Sequence[Field] = ()) -> bytes:
    """An EXIF block with these fields in its GPS, Exif and main directories."""
    pointers = [Field(IFD_EXIF, LONG, bytes(4)), Field(IFD_GPS, LONG, bytes(4))]
    at_sub = 8 + len(directory([*main, *pointers], 8))
    at_gps = at_sub + len(directory(sub, at_sub))
    starts = [Field(IFD_EXIF, LONG, struct.pack(">I", at_sub))]
    starts.append(Field(IFD_GPS, LONG, struct.pack(">I", at_gps)))
    body = directory([*main, *starts], 8) + directory(sub, at_sub) + directory(gps, at_gps)
    return b"Exif\0\0MM\0*\0\0\0\x08" + body


def saved(form: str = "JPEG", **metadata: bytes) -> Image.Image:
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    options: dict[str, Any] = dict(metadata)
    if "xmp" in metadata and form == "PNG":
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", metadata["xmp"].decode())
    if "xmp" in metadata and form == "TIFF":
        options["tiffinfo"] = {700: metadata["xmp"]}
    Image.new("RGB", (64, 48), "olive").save(file, form, **options)
    image = Image.open(file)
    image.load()
    return image


def read(*gps: Field, sub: Sequence[Field] = ()) -> Metadata:
    with warnings.catch_warnings(action="ignore"):
        return read_metadata(saved(exif=exif(gps, sub)))


LATITUDE = rational(LAT, (48, 1), (51, 1), (3024, 100))
LONGITUDE = rational(LON, (2, 1), (17, 1), (4020, 100))


def position(
    latitude: Field = LATITUDE, longitude: Field = LONGITUDE, refs: str = "NE"
) -> tuple[Field, ...]:
    return text(LAT_REF, refs[0]), latitude, text(LON_REF, refs[1]), longitude


# Position


@pytest.mark.parametrize(
    ("refs", "location"),
    [
        ("NE", Location(48.8584, 2.2945)),
        ("SE", Location(-48.8584, 2.2945)),
        ("NW", Location(48.8584, -2.2945)),
        ("SW", Location(-48.8584, -2.2945)),
        ("sw", Location(-48.8584, -2.2945)),
    ],
)
def test_hemispheres(refs: str, location: Location) -> None:
    metadata = read(*position(refs=refs))
    assert metadata.location is not None
    assert metadata.location.latitude == pytest.approx(location.latitude, abs=1e-9)
    assert metadata.location.longitude == pytest.approx(location.longitude, abs=1e-9)
    assert metadata.location_problem is None


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(1, 3))
@example(-90, 180, 3)
@example(1e-9, 0, 3)
def test_any_position_is_read_back(latitude: float, longitude: float, parts: int) -> None:
    def field(tag: int, degrees: float) -> Field:
        fractions, rest = [], abs(degrees)
        for _ in range(parts - 1):
            fractions.append((int(rest), 1))
            rest = (rest - int(rest)) * 60
        return rational(tag, *fractions, (round(rest * 1e7), 10**7))

    refs = ("S" if latitude < 0 else "N") + ("W" if longitude < 0 else "E")
    metadata = read(*position(field(LAT, latitude), field(LON, longitude), refs))
    if max(abs(latitude), abs(longitude)) < 1e-12:
        assert metadata.location is None
    elif metadata.location is not None:
        assert metadata.location.latitude == pytest.approx(latitude, abs=1e-6)
        assert metadata.location.longitude == pytest.approx(longitude, abs=1e-6)
    else:
        assert metadata.location_problem is not None
        assert "0,0" in metadata.location_problem
        assert max(abs(latitude), abs(longitude)) < 1e-6


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_carries_exif(form: str) -> None:
    image = saved(form, exif=exif(position(), [text(DATE, "2019:05:01 10:20:30")]))
    metadata = read_metadata(image)
    assert str(metadata.location) == "48.858400,2.294500"
    assert metadata.captured == "2019-05-01T10:20:30"


NO_POSITION: list[tuple[tuple[Field, ...], str]] = [
    (position(rational(LAT, (0, 0), (0, 0), (0, 0))), "latitude is no number"),
    (position(rational(LAT, (48, 1), (51, 1), (30, 0))), "latitude is no number"),
    (position(double(LAT, math.nan, 0, 0)), "latitude is no number"),
    (position(longitude=double(LON, math.inf)), "longitude is no number"),
    (position(text(LAT, "north")), "latitude is no number"),
    (position(Field(LAT, UNDEFINED, b"48")), "latitude is no number"),
    (position(rational(LAT, (48, 1), (51, 1), (30, 1), (1, 1))), "latitude is no number"),
    (position(rational(LAT, (91, 1), (0, 1), (0, 1))), "latitude 91 is not between"),
    (position(rational(LAT, (90, 1), (0, 1), (1, 1))), "latitude 90.0003 is not between"),
    (position(longitude=rational(LON, (180, 1), (1, 1))), "longitude 180.017 is not between"),
    (position(rational(LAT, (48, 1), (75, 1), (0, 1))), "not in degrees, minutes"),
    (position(double(LAT, -48.0)), "not in degrees, minutes"),
    (position(rational(LAT, (0, 1)), rational(LON, (0, 1))), "0,0, which stands for an unknown"),
    (position(rational(LAT, (0, 1)), rational(LON, (0, 1)), "SW"), "0,0, which stands for"),
    (position()[:2], "has no longitude"),
    (position()[2:], "has no latitude"),
    (position()[1:], "latitude does not say N or S"),
    (position(refs="NN"), "longitude does not say E or W"),
    ((*position(), text(DATUM, "TOKYO")), "Tokyo datum"),
]


@pytest.mark.parametrize(("fields", "problem"), NO_POSITION)
def test_positions_that_cannot_be_used(fields: tuple[Field, ...], problem: str) -> None:
    metadata = read(*fields)
    assert metadata.location is None
    assert metadata.location_problem is not None
    assert problem in metadata.location_problem
    assert metadata.location_problem.startswith("its GPS ")
    assert metadata.location_problem.isprintable()


def test_no_position_is_no_problem() -> None:
    nothing = Metadata(None, None, None, None, None, None)
    assert read_metadata(saved()) == nothing
    assert read() == nothing
    assert read(Field(0, BYTE, b"\2\3\0\0")) == nothing, "only the version of the GPS fields"


def test_the_datum_may_be_named() -> None:
    assert read(*position(), text(DATUM, "WGS-84")).location is not None


def test_a_place_on_the_equator_or_on_the_meridian_is_no_unknown_one() -> None:
    assert read(*position(rational(LAT, (0, 1)))).location is not None
    assert read(*position(longitude=rational(LON, (0, 1)))).location is not None


# Damage


@given(st.binary(max_size=200))
def test_garbage_instead_of_exif(garbage: bytes) -> None:
    for header in (b"", b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0"):
        image = saved()
        image.info["exif"] = b"Exif\0\0" + header + garbage
        with warnings.catch_warnings(action="ignore"):
            assert isinstance(read_metadata(image), Metadata)
            assert 1 <= orientation(image) <= 8


BLOCK = exif(position(), [text(DATE, "2019:05:01 10:20:30"), text(OFFSET, "+02:00")])


@given(st.lists(st.tuples(st.integers(6, len(BLOCK) - 1), st.integers(0, 255)), max_size=4))
def test_exif_with_changed_bytes(changes: list[tuple[int, int]]) -> None:
    block = bytearray(BLOCK)
    for index, value in changes:
        block[index] = value
    with warnings.catch_warnings(action="ignore"):
        metadata = read_metadata(saved(exif=bytes(block)))
    assert metadata.location is None or metadata.location_problem is None


def test_a_garbled_maker_note_does_not_matter() -> None:
    note = Field(MAKER_NOTE, UNDEFINED, bytes(range(256)) * 8)
    metadata = read(*position(), sub=[text(DATE, "2019:05:01 10:20:30"), note])
    assert metadata.location is not None
    assert metadata.captured == "2019-05-01T10:20:30"


def test_damage_in_one_place_leaves_the_others() -> None:
    metadata = read(
        *position(rational(LAT, (0, 0))),
        text(DIRECTION_REF, "T"),
        rational(DIRECTION, (905, 10)),
        sub=[text(DATE, "yesterday")],
    )
    assert metadata.location is None
    assert metadata.heading == 90.5
    assert metadata.captured is None


# Orientation


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Field(ORIENTATION, SHORT, b"\0\6"), 6),
        (Field(ORIENTATION, SHORT, b"\0\x09"), 1),
        (Field(ORIENTATION, SHORT, b"\0\0"), 1),
        (Field(ORIENTATION, SHORT, b"\0\6\0\3"), 6),
        (Field(ORIENTATION, ASCII, b"left\0"), 1),
        (double(ORIENTATION, math.nan), 1),
    ],
)
def test_orientation(field: Field, expected: int) -> None:
    with warnings.catch_warnings(action="ignore"):
        assert orientation(saved(exif=exif(main=[field]))) == expected


# Heading


@pytest.mark.parametrize(
    ("fields", "heading"),
    [
        ([text(DIRECTION_REF, "T"), rational(DIRECTION, (2705, 10))], 270.5),
        ([text(DIRECTION_REF, "M"), rational(DIRECTION, (2705, 10))], None),
        ([rational(DIRECTION, (2705, 10))], None),
        ([text(DIRECTION_REF, "T"), rational(DIRECTION, (0, 0))], None),
        ([text(DIRECTION_REF, "T"), double(DIRECTION, math.nan)], None),
        ([text(DIRECTION_REF, "T")], None),
    ],
)
def test_heading_from_exif(fields: list[Field], heading: float | None) -> None:
    assert read(*fields).heading == heading


@pytest.mark.parametrize("said", ["NaN", "inf", "-inf", "", "north", "12,5", "1e999"])
def test_a_gpano_heading_that_is_no_finite_number(said: str) -> None:
    assert read_metadata(saved(xmp=packet(PoseHeadingDegrees=said))).heading is None


def test_gpano_heading_goes_before_exif() -> None:
    block = exif([text(DIRECTION_REF, "T"), rational(DIRECTION, (90, 1))])
    for said, heading in [("181.25", 181.25), ("0", 0.0), ("-10", -10.0), ("NaN", 90.0)]:
        image = saved(exif=block, xmp=packet(PoseHeadingDegrees=said))
        assert read_metadata(image).heading == heading


# Date


@pytest.mark.parametrize(
    ("date", "offset", "captured"),
    [
        ("2019:05:01 10:20:30", None, "2019-05-01T10:20:30"),
        ("2019:05:01 10:20:30", "+02:00", "2019-05-01T10:20:30+02:00"),
        ("2019:05:01 10:20:30", "-09:30", "2019-05-01T10:20:30-09:30"),
        ("2019:05:01 10:20:30", "Z", "2019-05-01T10:20:30+00:00"),
        ("2019:05:01 10:20:30", "   :  ", "2019-05-01T10:20:30"),
        ("2019:05:01 10:20:30", "+99:00", "2019-05-01T10:20:30"),
        ("0000:00:00 00:00:00", "+02:00", None),
        ("    :  :     :  :  ", None, None),
        ("2019:02:29 10:20:30", None, None),
        ("", None, None),
    ],
)
def test_captured(date: str, offset: str | None, captured: str | None) -> None:
    fields = [text(DATE, date)] + ([] if offset is None else [text(OFFSET, offset)])
    assert read(sub=fields).captured == captured


# Focal length


def short(tag: int, *values: int) -> Field:
    return Field(tag, SHORT, struct.pack(f">{len(values)}H", *values))


@pytest.mark.parametrize(
    ("field", "focal"),
    [
        (short(FOCAL_35MM, 26), 26.0),
        (short(FOCAL_35MM, 5), 5.0),
        (short(FOCAL_35MM, 2000), 2000.0),
        (rational(FOCAL_35MM, (515, 20)), 25.75),
        (double(FOCAL_35MM, 27.5), 27.5),
        (text(FOCAL_35MM, "28"), 28.0),
        (short(FOCAL_35MM, 0), None),  # unknown
        (short(FOCAL_35MM, 4), None),
        (short(FOCAL_35MM, 2001), None),
        (short(FOCAL_35MM, 65535), None),
        (short(FOCAL_35MM, 26, 52), None),
        (rational(FOCAL_35MM, (26, 0)), None),
        (rational(FOCAL_35MM, (0, 0)), None),
        (double(FOCAL_35MM, math.nan), None),
        (double(FOCAL_35MM, math.inf), None),
        (double(FOCAL_35MM, -26.0), None),
        (text(FOCAL_35MM, "26 mm"), None),
        (Field(FOCAL_35MM, UNDEFINED, b"\0\x1a"), None),
    ],
)
def test_focal_35mm(field: Field, focal: float | None) -> None:
    metadata = read(*position(), sub=[field, text(DATE, "2019:05:01 10:20:30")])
    assert metadata.focal_35mm == focal
    assert metadata.location is not None
    assert metadata.captured is not None


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_that_carries_exif_carries_the_focal_length(form: str) -> None:
    assert read_metadata(saved(form, exif=exif(sub=[short(FOCAL_35MM, 26)]))).focal_35mm == 26.0


# GPano

HEAD = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
)
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
NAMESPACE = 'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/"'
TAIL = '</rdf:RDF></x:xmpmeta>  <?xpacket end="w"?>'
FULL = {
    "ProjectionType": "equirectangular",
    "CroppedAreaImageWidthPixels": "4000",
    "CroppedAreaImageHeightPixels": "1500",
    "FullPanoWidthPixels": "4096",
    "FullPanoHeightPixels": "2048",
}


def packet(**fields: str) -> bytes:
    """XMP with GPano fields as attributes."""
    attributes = " ".join(f'GPano:{name}="{value}"' for name, value in fields.items())
    return f"{HEAD}{RDF}<rdf:Description {NAMESPACE} {attributes}/>{TAIL}".encode()


def elements(**fields: str) -> bytes:
    """XMP with GPano fields as elements."""
    inner = "".join(f"<GPano:{name}>\n {value}</GPano:{name}>" for name, value in fields.items())
    body = f"<rdf:Description/><rdf:Description {NAMESPACE}>{inner}</rdf:Description>"
    return f"{HEAD}{RDF}{body}{TAIL}".encode()


@pytest.mark.parametrize("write", [packet, elements])
@pytest.mark.parametrize("form", FORMATS)
def test_gpano(form: str, write: Callable[..., bytes]) -> None:
    image = saved(form, xmp=write(**FULL, PoseHeadingDegrees="12.5"))
    metadata = read_metadata(image)
    assert metadata.gpano == GPano("equirectangular", (4000, 1500), (4096, 2048))
    assert metadata.heading == 12.5


@pytest.mark.parametrize(
    ("fields", "gpano"),
    [
        ({"ProjectionType": "cylindrical"}, GPano("cylindrical", None, None)),
        ({"PoseHeadingDegrees": "1"}, GPano(None, None, None)),
        ({"FullPanoWidthPixels": "4096"}, GPano(None, None, None)),
        (
            FULL | {"FullPanoWidthPixels": "4096.0"},
            GPano("equirectangular", (4000, 1500), (4096, 2048)),
        ),
        (FULL | {"FullPanoWidthPixels": "nan"}, GPano("equirectangular", (4000, 1500), None)),
        (FULL | {"FullPanoWidthPixels": "-4096"}, GPano("equirectangular", (4000, 1500), None)),
        (FULL | {"FullPanoHeightPixels": "0"}, GPano("equirectangular", (4000, 1500), None)),
        ({"ProjectionType": "cube&#10;\x9b31m"}, GPano("cube31m", None, None)),
    ],
)
def test_incomplete_gpano(fields: dict[str, str], gpano: GPano) -> None:
    assert read_metadata(saved(xmp=packet(**fields))).gpano == gpano


BOMB = b'<!DOCTYPE a [<!ENTITY b "equirectangular">]>'


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"no xml",
        packet(**FULL)[:-40],
        BOMB + packet(**FULL).replace(b"equirectangular", b"&b;"),
        b'<?xml version="1.0" encoding="no-such"?>' + packet(**FULL),
        packet(**FULL).replace(b"cropped", b"\xff").replace(b"4000", b"\xff\xfe"),
        packet(**FULL).replace(b"panorama/", b"somewhere-else/"),
    ],
)
def test_broken_xmp_is_ignored(broken: bytes) -> None:
    metadata = read_metadata(saved(exif=exif(position()), xmp=broken))
    assert metadata.gpano is None
    assert metadata.location is not None


@given(st.binary(max_size=300))
def test_any_xmp(xmp: bytes) -> None:
    for data in (xmp, packet(ProjectionType="x") + xmp):
        image = saved()
        image.info["xmp"] = data
        assert isinstance(read_metadata(image), Metadata)
