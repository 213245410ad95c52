import csv
import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placeproof.errors import LibraryError
from placeproof.location import Location
from placeproof.panoramas.sidecar import BadRow, SidecarEntry, normalised_heading, read_sidecar

SHARED_CSV = Path(__file__).parents[2] / ".." / "shared" / "data" / "panoramas.csv"
fields = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
one_folder = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sidecar(folder: Path, text: str, name: str = "p.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def feature(file: str | None, coordinates: list[float] | None, **properties: object) -> dict:
    geometry = coordinates and {"type": "Point", "coordinates": coordinates}
    names = {} if file is None else {"file": file}
    return {"type": "Feature", "geometry": geometry, "properties": names | properties}


def geojson(folder: Path, *features: dict) -> Path:
    collection = {"type": "FeatureCollection", "features": features}
    return sidecar(folder, json.dumps(collection), "p.geojson")


def test_csv_with_byte_order_mark_other_names_blank_lines_and_every_field(tmp_path: Path) -> None:
    text = (
        "\ufeffFile , Latitude,LONGITUDE,heading,captured,source,licence\r\n\r\n"
        'sub/a.jpg, 48.5,2.25,-90,2019-05,"Mr. B, Paris",CC BY\r\n'
        "b.jpg,,,,,,\r\n"
    )
    assert read_sidecar(sidecar(tmp_path, text)) == [
        SidecarEntry(
            tmp_path / "sub" / "a.jpg",
            Location(48.5, 2.25),
            heading=270.0,
            captured="2019-05",
            source="Mr. B, Paris",
            licence="CC BY",
        ),
        SidecarEntry(tmp_path / "b.jpg"),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.jpg,91,0,,", "latitude 91"),
        ("a.jpg,nan,0,,", "latitude nan"),
        ("a.jpg,1,1e999,,", "longitude inf"),
        ("a.jpg,north,0,,", "lat 'north' is no number"),
        ("a.jpg,1,,,", "only one of"),
        ("a.jpg,0,0.0,,", "0,0"),
        ("a.jpg,1,2,west,", "heading 'west' is no number"),
        ("a.jpg,1,2,,yesterday", "captured 'yesterday'"),
        ("a.jpg,1,2,,2019-13", "captured '2019-13'"),
        ("a.jpg,1,2,,,by X", "more fields than columns"),
    ],
)
def test_a_bad_row_is_named_and_does_not_spoil_the_others(
    tmp_path: Path, row: str, reason: str
) -> None:
    path = sidecar(tmp_path, f"file,lat,lon,heading,captured\n{row}\nb.jpg,1,2,nan,2019\n")
    bad, good = read_sidecar(path)
    assert isinstance(bad, BadRow)
    assert bad.file == tmp_path / "a.jpg"
    assert "p.csv, line 2" in bad.reason
    assert reason in bad.reason
    assert good == SidecarEntry(tmp_path / "b.jpg", Location(1, 2), captured="2019")


def test_rows_without_a_file_are_reported_together(tmp_path: Path) -> None:
    path = sidecar(tmp_path, "file,lat,lon\n,1,2\na.jpg,1,2\nx\0y.jpg,1,2\n")
    good, bad = read_sidecar(path)
    assert good == SidecarEntry(tmp_path / "a.jpg", Location(1, 2))
    assert bad == BadRow(path, "no file named in line 2, line 4")


def test_rows_that_contradict_each_other_are_both_refused(tmp_path: Path) -> None:
    text = "file,lat,lon\na.jpg,1,2\n./a.jpg,1,2\nb.jpg,1,2\nb.jpg,1,3\n"
    same, contradiction = read_sidecar(sidecar(tmp_path, text))
    assert same == SidecarEntry(tmp_path / "a.jpg", Location(1, 2))
    assert isinstance(contradiction, BadRow)
    assert "line 5: contradicts" in contradiction.reason


def test_geojson(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}
    path = geojson(
        tmp_path,
        feature("a.jpg", [2.25, 48.5, 30.0], heading=725, captured=None, source="S"),
        feature("b.jpg", None),
        {"type": "Feature", "geometry": line, "properties": {"file": "c.jpg"}},
        feature(None, [1, 2]),
        feature("d.jpg", [181, 0.5]),
    )
    a, b, c, d, nameless = read_sidecar(path)
    assert a == SidecarEntry(tmp_path / "a.jpg", Location(48.5, 2.25), heading=5.0, source="S")
    assert b == SidecarEntry(tmp_path / "b.jpg")
    assert c == BadRow(tmp_path / "c.jpg", "p.geojson, feature 3: its geometry is no Point")
    assert isinstance(d, BadRow)
    assert "longitude 181" in d.reason
    assert nameless == BadRow(path, "no file named in feature 4")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("p.csv", b"", "file, lat and lon"),
        ("p.csv", b"name,lat,lon\na.jpg,1,2\n", "file, lat and lon"),
        ("p.csv", b"file;lat;lon\na.jpg;1;2\n", "separated by commas"),
        ("p.csv", b"file,lat,lon\n\xe9.jpg,1,2\n", "UTF-8"),
        ("p.csv", b"file,lat,lon\na,1," + b"9" * 200_000, "no sound CSV"),
        ("p.geojson", b"{", "no sound JSON"),
        ("p.geojson", b"[" * 100_000, "no sound JSON"),
        ("p.geojson", b"[1]", "FeatureCollection"),
        ("p.geojson", b'{"features": [3]}', "FeatureCollection"),
        ("p.geojson", b'{"features": [{"properties": "xy"}]}', "FeatureCollection"),
        ("p.geojson", b'{"features": [{"properties": {"name": "x"}}]}', "property 'file'"),
        ("p.geojson", b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_no_sidecar_is_refused_in_one_line(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(LibraryError, match=message) as caught:
        read_sidecar(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_missing_sidecar(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="No such file"):
        read_sidecar(tmp_path / "p.csv")


@one_folder
@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    heading=st.none() | st.floats(0, 360, exclude_max=True),
    texts=st.tuples(fields, fields),
)
def test_csv_and_geojson_say_the_same(
    tmp_path: Path,
    latitude: float,
    longitude: float,
    heading: float | None,
    texts: tuple[str, str],
) -> None:
    row = {"file": "a.jpg", "lat": latitude, "lon": longitude, "heading": heading}
    row |= dict(zip(("source", "licence"), texts, strict=True))
    with (tmp_path / "p.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        writer.writeheader()
        writer.writerow(row)
    properties = {name: row[name] for name in ("heading", "source", "licence")}
    from_json = read_sidecar(
        geojson(tmp_path, feature("a.jpg", [longitude, latitude], **properties))
    )
    from_csv = read_sidecar(tmp_path / "p.csv")
    if latitude == longitude == 0:
        assert isinstance(from_csv[0], BadRow)
        assert isinstance(from_json[0], BadRow)
    else:
        source, licence = (text.strip() or None for text in texts)
        entry = SidecarEntry(
            tmp_path / "a.jpg",
            Location(latitude, longitude),
            heading=heading,
            source=source,
            licence=licence,
        )
        assert from_csv == from_json == [entry]


@one_folder
@given(
    body=st.text() | st.lists(fields).map(",".join),
    head=st.sampled_from(["", "file,lat,lon\n", '{"features":[{"properties":{"file":']),
    name=st.sampled_from(["p.csv", "p.geojson"]),
)
def test_any_text_gives_entries_or_one_error(
    tmp_path: Path, body: str, head: str, name: str
) -> None:
    (tmp_path / name).write_bytes((head + body).encode("utf-8", "surrogatepass"))
    try:
        entries = read_sidecar(tmp_path / name)
    except LibraryError:
        return
    assert all(entry.file.is_absolute() for entry in entries)


@given(st.floats())
def test_headings_are_normalised(degrees: float) -> None:
    heading = normalised_heading(degrees)
    if not math.isfinite(degrees):
        assert heading is None
    else:
        assert heading is not None
        assert 0 <= heading < 360
        turn = abs(math.remainder(heading - math.fmod(degrees, 360), 360))
        assert turn < 1e-9


@pytest.mark.skipif(not SHARED_CSV.exists(), reason="the folder 'shared' is not beside the project")
def test_the_shared_list_is_read() -> None:
    entries = read_sidecar(SHARED_CSV)
    good = [entry for entry in entries if isinstance(entry, SidecarEntry)]
    assert all(entry.file.exists() for entry in good)
    assert sum(entry.location is not None for entry in good) == 25
    assert [entry.file.name for entry in entries if isinstance(entry, BadRow)] == [
        "stella_equirectangular_image_00.jpg"
    ]
