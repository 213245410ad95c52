import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pillow_heif
import pytest
from PIL import Image

import placeproof
import placeproof.cli.verify
import placeproof.verify
from placeproof import errors, files
from placeproof.claims.candidate import Candidate
from placeproof.claims.geocoding import Geocoder
from placeproof.errors import PlaceproofError
from placeproof.location import Location, parse_radius
from placeproof.panoramas.library import Library

AT = ("--at", "48.8584,2.2945")
Run = Any  # exit code, stdout, stderr; see conftest.py
Verify = Callable[..., Run]
GPS = {1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    path = Path(placeproof.__file__).parent / "report" / "schema.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def document(run: Run) -> dict[str, Any]:
    assert run.code == 0, run.err
    loaded: dict[str, Any] = json.loads(run.out)
    return loaded


def assert_fails(run: Run, kind: type[PlaceproofError], *, out: str = "") -> None:
    """One line on stderr, the error's own exit code, and nothing on stdout."""
    assert run.code == kind.exit_code, run.err
    assert run.err.startswith("placeproof: error: ")
    assert run.err.count("\n") == 1
    assert run.out == out


# What it prints


def test_a_true_claim(verify: Verify, photo_path: Path) -> None:
    run = verify(photo_path, *AT)
    assert run.code == 0
    assert run.err == "", "progress is for terminals"
    assert run.out.startswith("Consistent with the claimed place\n")
    assert "photo.png (320 x 256)" in run.out
    assert "ESE 120°" in run.out


@pytest.mark.parametrize(
    ("at", "verdict"),
    [("48.8584,2.2945", "inconsistent"), ("48.9,2.2945", "inconclusive")],
)
def test_the_exit_code_is_no_verdict(
    verify: Verify, elsewhere_path: Path, at: str, verdict: str
) -> None:
    run = verify(elsewhere_path, "--at", at)
    assert run.code == 0
    assert run.out.lower().startswith(verdict)


def test_no_coverage_is_not_false(verify: Verify, photo_path: Path) -> None:
    answer = document(verify(photo_path, "--at", "48.9,2.2945", "--json"))
    assert answer["verdict"] == "inconclusive"
    assert answer["probability"] is None
    assert "no coverage" in answer["reasons"][0].lower()


def test_the_photos_own_position_is_reported_as_a_claim(
    verify: Verify, with_exif: Callable[..., Path]
) -> None:
    photo = with_exif(GPS)
    claim = document(verify(photo, "--json"))["claim"]
    assert claim["origin"] == "exif"
    assert (claim["latitude"], claim["longitude"]) == pytest.approx((48.85833, 2.29444), abs=1e-4)
    run = verify(photo)
    assert "EXIF" in run.out
    assert "not a proof" in " ".join(run.out.split())


@pytest.mark.parametrize("at", [("--at", "-33.86,151.21"), ("--at=-33.86,-151.21",)])
def test_the_southern_hemisphere(verify: Verify, photo_path: Path, at: tuple[str, ...]) -> None:
    claim = document(verify(photo_path, *at, "--json"))["claim"]
    assert claim["latitude"] == -33.86
    assert abs(claim["longitude"]) == 151.21


def test_the_radius(verify: Verify, photo_path: Path) -> None:
    found = [
        len(document(verify(photo_path, *AT, "--json", "--radius", radius))["evidence"])
        for radius in ("5m", "15m", "0.05km")
    ]
    assert found == [0, 1, 2]


def test_the_default_radius_is_that_of_the_api(verify: Verify, photo_path: Path) -> None:
    answer = document(verify(photo_path, *AT, "--json"))
    assert answer["radius_m"] == placeproof.verify.DEFAULT_RADIUS_M == parse_radius("50m")


def test_the_library_of_the_environment(
    cli: Callable[..., Run],
    library_folder: Path,
    checkpoint_path: Path,
    photo_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLACEPROOF_LIBRARY", str(library_folder))
    run = cli("verify", photo_path, *AT, "--weights", checkpoint_path)
    assert run.code == 0
    assert run.out.startswith("Consistent")


# The claimed place


@pytest.mark.parametrize(
    "at",
    [
        "8FW4V75V+9Q",
        "https://www.openstreetmap.org/?mlat=48.8584&mlon=2.2945#map=18/48.8584/2.2945",
        "https://www.google.com/maps/@48.8584,2.2945,17z",
        "48°51'30.24\"N 2°17'40.2\"E",
        "u09tunqu3y",
    ],
)
def test_a_place_in_any_notation(verify: Verify, photo_path: Path, at: str) -> None:
    answer = document(verify(photo_path, "--at", at, "--json"))
    claim = answer["claim"]
    assert (claim["latitude"], claim["longitude"]) == pytest.approx((48.8584, 2.2945), abs=2e-4)
    assert claim["origin"] == "given"
    assert answer["verdict"] == "consistent"


@pytest.fixture
def towns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A geocoder that knows one Paris and two Springfields."""
    monkeypatch.setenv("PLACEPROOF_CACHE", str(tmp_path / "cache"))
    known = {"Paris": [(48.8584, 2.2945)], "Springfield": [(39.8, -89.6), (42.1, -72.6)]}

    def find(_self: Geocoder, name: str) -> list[Candidate]:
        places = known.get(name, ())
        return [Candidate(Location(*at), name, "place name", 10.0, name, "© A") for at in places]

    monkeypatch.setattr(Geocoder, "find", find)


@pytest.mark.usefixtures("towns")
def test_a_name_is_looked_up_if_that_is_asked_for(verify: Verify, photo_path: Path) -> None:
    answer = document(verify(photo_path, "--at", "Paris", "--look-up", "--json"))
    assert answer["claim"]["latitude"] == 48.8584
    run = verify(photo_path, "--at", "Paris")
    assert_fails(run, errors.LocationError)


@pytest.mark.usefixtures("towns")
def test_of_several_places_none_is_chosen(verify: Verify, photo_path: Path) -> None:
    run = verify(photo_path, "--at", "Springfield", "--look-up")
    assert_fails(run, errors.AmbiguousClaimError)
    assert run.code == 22
    assert "39.8" in run.err
    assert "42.1" in run.err
    assert_fails(verify(photo_path, "--at", "Nowhere", "--look-up"), errors.LocationError)


# The prior


@pytest.mark.parametrize(
    ("prior", "verdict"), [("0.5", "consistent"), ("0.9", "consistent"), ("1e-6", "inconclusive")]
)
def test_a_prior_can_take_a_verdict_away(
    verify: Verify, photo_path: Path, prior: str, verdict: str
) -> None:
    answer = document(verify(photo_path, *AT, "--prior", prior, "--json"))
    assert answer["verdict"] == verdict
    assert answer["prior"] == float(prior)
    odds = answer["probability"] / (1 - answer["probability"])
    even = document(verify(photo_path, *AT, "--json"))["probability"]
    expected = even / (1 - even) * float(prior) / (1 - float(prior))
    assert odds == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("prior", ["0", "1", "-0.1", "1.5", "nan", "inf"])
def test_what_is_no_prior(verify: Verify, photo_path: Path, prior: str) -> None:
    run = verify(photo_path, *AT, f"--prior={prior}")
    assert_fails(run, errors.LocationError)
    assert "prior" in run.err


# Providers


@pytest.mark.parametrize(
    ("source", "variable"), [("mapillary", "MAPILLARY_TOKEN"), ("google", "GOOGLE_MAPS_API_KEY")]
)
def test_a_provider_without_its_key(
    verify: Verify,
    photo_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    variable: str,
) -> None:
    monkeypatch.setenv("PLACEPROOF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("placeproof.net.keys._from_keyring", lambda _provider: None)
    run = verify(photo_path, *AT, "--source", source)
    assert_fails(run, errors.KeyMissingError)
    assert run.code == 46
    assert variable in run.err


def test_an_unknown_source(verify: Verify, photo_path: Path) -> None:
    run = verify(photo_path, *AT, "--source", "maps")
    assert run.code == 2
    assert "panoramax" in run.err


# JSON


def test_json_is_valid_and_alone_on_stdout(
    verify: Verify, photo_path: Path, tmp_path: Path, schema: dict[str, Any]
) -> None:
    outputs = ("--overlays", tmp_path / "sheets", "--report", tmp_path / "report.html")
    run = verify(photo_path, *AT, "--json", *outputs)
    answer = document(run)
    jsonschema.validate(answer, schema)
    assert answer["schema"] == "placeproof/verification/2"
    assert answer["verdict"] == "consistent"
    assert run.out.isascii()
    nothing = document(verify(photo_path, "--at", "0,0", "--json"))
    jsonschema.validate(nothing, schema)


def test_json_is_the_same_with_and_without_cached_features(
    verify: Verify, library_folder: Path, photo_path: Path
) -> None:
    texts = []
    for _ in range(3):
        answer = document(verify(photo_path, *AT, "--json"))
        assert set(answer.pop("run")) == {"started", "seconds"}
        texts.append(json.dumps(answer))
    assert len(set(texts)) == 1
    every = sorted((library_folder / "features").rglob("*.safetensors"))
    cached = [path for path in every if not path.name.startswith("local-")]
    assert len(cached) == 2
    sound = cached[0].read_bytes()
    cached[0].write_bytes(sound[:-1])
    run = verify(photo_path, *AT, "--json")
    answer = document(run)
    del answer["run"]
    assert json.dumps(answer) == texts[0]
    assert run.err.startswith("placeproof: warning: cached features")
    assert run.err.count("\n") == 1
    assert cached[0].read_bytes() == sound


# Files


def test_overlays(verify: Verify, photo_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "sheets"
    run = verify(photo_path, *AT, "--overlays", folder)
    assert run.code == 0
    assert run.err == f"2 overlays written to {folder}\n"
    evidence = document(verify(photo_path, *AT, "--json"))["evidence"]
    names = [
        f"photo-{number:02}-{found['panorama']['id'][:12]}.jpg"
        for number, found in enumerate(evidence, start=1)
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)
    first, second = (np.asarray(Image.open(folder / name), np.float32) for name in names)
    assert first.shape[1] > 1500
    assert not np.array_equal(first, second)


def test_report(verify: Verify, photo_path: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    run = verify(photo_path, *AT, "--report", path)
    assert run.code == 0
    assert run.err == f"report written to {path}\n"
    page = path.read_text()
    assert "Consistent with the claimed place" in page
    assert "data:image/jpeg;base64," in page


def test_files_of_no_coverage(verify: Verify, photo_path: Path, tmp_path: Path) -> None:
    folder, page = tmp_path / "sheets", tmp_path / "report.html"
    run = verify(photo_path, "--at", "0,0", "--overlays", folder, "--report", page)
    assert run.code == 0
    assert list(folder.iterdir()) == []
    assert "nothing to compare with" in page.read_text()


def test_nothing_that_was_read_is_written_over(
    verify: Verify, photo_path: Path, library_folder: Path, checkpoint_path: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(photo_path)
    (tmp_path / "file").write_text("")
    refused = [
        ("--report", photo_path),
        ("--report", link),
        ("--report", tmp_path / "sub" / ".." / "photo.png"),
        ("--report", checkpoint_path),
        ("--report", library_folder / "index.sqlite"),
        ("--report", library_folder / "panoramas" / "report.html"),
        ("--overlays", library_folder),
        ("--overlays", library_folder / "panoramas"),
        ("--overlays", library_folder / "new" / "sheets"),
        ("--report", tmp_path / "missing" / "report.html"),
        ("--report", tmp_path),
        ("--overlays", tmp_path / "file"),
        ("--overlays", tmp_path / "file" / "sheets"),
    ]
    (tmp_path / "sub").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for option, path in refused:
        assert_fails(verify(photo_path, *AT, option, path), errors.StorageError)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert before == after, "and nothing was computed or cached before"
    assert not (library_folder / "new").exists()


# Bad input


def png(width: int, height: int) -> bytes:
    """A PNG that claims this size, with next to no data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b"")


def encoded(size: tuple[int, int], form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"Dear Sir,\n", errors.NotAnImageError, id="text"),
        pytest.param(bytes(range(256)) * 9, errors.NotAnImageError, id="bytes"),
        pytest.param(b"%PDF-1.7\n", errors.NotAnImageError, id="pdf"),
        pytest.param(encoded((300, 200), "JPEG")[:3000], errors.TruncatedImageError, id="cut-jpeg"),
        pytest.param(encoded((300, 200), "PNG")[:-500], errors.TruncatedImageError, id="cut-png"),
        pytest.param(b"", errors.TruncatedImageError, id="empty"),
        pytest.param(png(60000, 60000), errors.ImageTooLargeError, id="bomb"),
        pytest.param(encoded((1, 1), "PNG"), errors.ImageTooSmallError, id="1x1"),
    ],
)
def test_bad_photos(
    verify: Verify, tmp_path: Path, data: bytes, kind: type[PlaceproofError]
) -> None:
    photo = tmp_path / "bad.jpg"
    photo.write_bytes(data)
    assert_fails(verify(photo, *AT, "--json"), kind)


def test_photos_that_are_no_files(verify: Verify, tmp_path: Path) -> None:
    for photo in (tmp_path / "missing.jpg", tmp_path, Path(os.devnull)):
        assert_fails(verify(photo, *AT), errors.NotAnImageError)


LATITUDE = struct.pack(">6I", 48, 1, 51, 1, 30, 1)
TYPE = struct.pack(">HHI", 2, 5, 3)  # tag 2, three rationals


@pytest.mark.parametrize(
    ("gps", "changes"),
    [
        pytest.param(None, [], id="none"),
        pytest.param(GPS, [(LATITUDE, bytes(24))], id="0/0"),
        pytest.param(
            GPS,
            [
                (LATITUDE, struct.pack(">3d", float("nan"), 0, 0)),
                (TYPE, struct.pack(">HHI", 2, 12, 3)),
            ],
            id="nan",
        ),
        pytest.param(GPS | {2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}, [], id="0,0"),
        pytest.param(GPS | {2: (91.0, 0.0, 0.0)}, [], id="91"),
    ],
)
def test_unusable_exif_positions(
    verify: Verify, with_exif: Callable[..., Path], gps: Any, changes: Any
) -> None:
    photo = with_exif(gps, changes=changes)
    run = verify(photo)
    assert_fails(run, errors.NoClaimError)
    assert "--at" in run.err
    assert verify(photo, *AT).code == 0, "another claim can still be verified"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--at", "91,0"),
        ("--at", "-90.01,0"),
        ("--at", "0,181"),
        ("--at", "nan,0"),
        ("--at", "48.8584"),
        ("--at", "here"),
        ("--at", ""),
        (*AT, "--radius", "-5"),
        (*AT, "--radius", "-5m"),
        (*AT, "--radius", "0"),
        (*AT, "--radius", "nan"),
        (*AT, "--radius", "fifty"),
    ],
)
def test_bad_claims(verify: Verify, photo_path: Path, arguments: tuple[str, ...]) -> None:
    assert_fails(verify(photo_path, *arguments), errors.LocationError)


def test_no_library_yet(verify: Verify, photo_path: Path, tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path, photo_path):
        run = verify(photo_path, *AT, "--library", folder)
        assert_fails(run, errors.LibraryError)
        assert "placeproof library add PATH --library" in run.err
    assert not (tmp_path / "nowhere").exists()


def test_an_unreadable_library(
    verify: Verify, photo_path: Path, library_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Path.stat

    def denied(path: Path, **options: bool) -> os.stat_result:
        if path.is_relative_to(library_folder):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", denied)
    run = verify(photo_path, *AT)
    assert_fails(run, errors.LibraryError)
    assert "Permission denied" in run.err


@pytest.mark.parametrize("data", [b"garbage", b"", None])
def test_a_corrupt_index(
    verify: Verify, photo_path: Path, library_folder: Path, data: bytes | None
) -> None:
    index = library_folder / "index.sqlite"
    index.unlink()
    if data is not None:
        index.write_bytes(data)
    run = verify(photo_path, *AT)
    assert_fails(run, errors.CorruptLibraryError)
    assert "--repair" in run.err


def test_a_damaged_panorama(verify: Verify, photo_path: Path, library_folder: Path) -> None:
    library = Library.open(library_folder)
    for record in library.records():
        library.picture_path(record.id).write_bytes(b"damaged")
    assert_fails(verify(photo_path, *AT), errors.CorruptLibraryError)


def test_bad_weights(
    verify: Verify,
    photo_path: Path,
    checkpoint_path: Path,
    other_extractor_path: Path,
    tmp_path: Path,
) -> None:
    sound = checkpoint_path.read_bytes()
    flipped = bytearray(sound)
    flipped[-100] ^= 1
    damaged = tmp_path / "damaged.safetensors"
    for data in (b"", b"garbage", sound[:-1], sound[:1000], bytes(flipped)):
        damaged.write_bytes(data)
        run = verify(photo_path, *AT, "--weights", damaged)
        assert_fails(run, errors.WeightsError)
        assert "damaged" in run.err
    run = verify(photo_path, *AT, "--weights", tmp_path / "missing.safetensors")
    assert_fails(run, errors.WeightsError)
    run = verify(photo_path, *AT, "--weights", other_extractor_path)
    assert_fails(run, errors.WeightsMismatchError)


# A full disk


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("option", [("--report", "report.html"), ("--overlays", "sheets")])
def test_a_full_disk_costs_the_files_but_not_the_verdict(
    verify: Verify, photo_path: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    run = verify(photo_path, *AT, "--json", option[0], tmp_path / option[1])
    assert run.code == errors.StorageError.exit_code
    assert json.loads(run.out)["verdict"] == "consistent"
    last = run.err.splitlines()[-1]
    assert last.startswith("placeproof: error: cannot write")
    assert last.endswith("No space left on device")
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]
    assert not (tmp_path / "report.html").exists()


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_costs_the_cache_only_time(verify: Verify, photo_path: Path) -> None:
    run = verify(photo_path, *AT)
    assert run.code == 0
    assert run.out.startswith("Consistent")
    assert run.err.count("placeproof: warning: features are not cached") >= 2


# Unusual, but good input


def _animated(photo: Image.Image, path: Path) -> None:
    photo.save(path, "WEBP", lossless=True, save_all=True, append_images=[photo.rotate(180)])


def _16_bit(photo: Image.Image, path: Path) -> None:
    grey = np.asarray(photo.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(path, "PNG")


def _alpha(photo: Image.Image, path: Path) -> None:
    photo.putalpha(255)
    photo.save(path, "PNG")


def _rotated(photo: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    photo.transpose(Image.Transpose.ROTATE_90).save(path, "PNG", exif=exif)


GOOD: dict[str, tuple[Callable[[Image.Image, Path], None], bool]] = {
    "16-bit": (_16_bit, False),
    "CMYK": (lambda photo, path: photo.convert("CMYK").save(path, "TIFF"), True),
    "palette": (lambda photo, path: photo.quantize(16).save(path, "PNG"), False),
    "alpha": (_alpha, True),
    "rotated": (_rotated, True),
    "HEIC": (
        lambda photo, path: pillow_heif.from_pillow(photo).save(path, quality=-1),
        False,
    ),
    "animated": (_animated, True),
}


@pytest.mark.parametrize("name", GOOD)
def test_unusual_photos(
    verify: Verify, photo_path: Path, tmp_path: Path, schema: dict[str, Any], name: str
) -> None:
    make, lossless = GOOD[name]
    path = tmp_path / "unusual"
    with Image.open(photo_path) as photo:
        make(photo.convert("RGB"), path)
    run = verify(path, *AT, "--json")
    answer = document(run)
    jsonschema.validate(answer, schema)
    assert run.err == ""
    assert (answer["photo"]["width"], answer["photo"]["height"]) == (320, 256)
    if lossless:
        assert answer["verdict"] == "consistent"
