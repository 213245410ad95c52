import gzip
import io
import tracemalloc
import zlib

import pytest
from PIL import Image
from scripted_server import JPEG, Answer, FakeClock, ScriptedServer, answer_json

from placeproof.images import FORMATS, _register_heif
from placeproof.net.client import HttpClient
from placeproof.net.failures import HttpError

GZIP = {"Content-Encoding": "gzip"}
WHOLE = b'{"data": [' + b"1, " * 50_000 + b"2]}"
PACKED = gzip.compress(WHOLE, mtime=0)


@pytest.mark.parametrize(
    "partial",
    [
        Answer(WHOLE, cut=1000),
        Answer(WHOLE, cut=0),
        Answer(WHOLE, chunked=True, cut=100_000),
        Answer(WHOLE[:-1], states_length=False),
        Answer(WHOLE[:20]),
        Answer(b""),
        Answer(b'{"text": "' + b"\xff" + b'"}'),
        Answer(b'{"number": NaN}'),
        Answer(b"[" * 200_000),
        Answer(PACKED[:-20], headers=GZIP),
        Answer(PACKED[:-1], headers=GZIP),
        Answer(PACKED[:-8] + b"checksum", headers=GZIP),
        Answer(PACKED, headers=GZIP, cut=100),
        Answer(b"no gzip", headers=GZIP),
        Answer(b"", headers=GZIP),
    ],
    ids=lambda answer: f"{answer.body[:6]!r}{answer.headers}{answer.cut}{answer.chunked}",
)
def test_a_partial_or_damaged_answer_is_asked_for_again_and_then_told(
    client: HttpClient, server: ScriptedServer, partial: Answer
) -> None:
    server.script["/"] = [partial, Answer(WHOLE)]
    assert len(client.get_json(server.url)["data"]) == 50_001
    server.script["/"] = [partial]
    with pytest.raises(HttpError, match=r"(breaks|incomplete|damaged).*, after 5 attempts"):
        client.get_json(server.url)


def test_a_partial_picture_is_asked_for_again_and_then_told(
    client: HttpClient, server: ScriptedServer
) -> None:
    server.script["/"] = [Answer(JPEG, cut=50), Answer(b""), Answer(JPEG)]
    assert client.get_picture(server.url) == JPEG
    server.script["/"] = [Answer(JPEG, cut=50)]
    with pytest.raises(HttpError, match="breaks the connection off, after 5 attempts"):
        client.get_picture(server.url)


@pytest.mark.parametrize("body", [b"<html><body>Log in first</body></html>", b"OK", b'"\xff'])
def test_what_is_no_json_is_told_at_once(
    client: HttpClient, server: ScriptedServer, body: bytes
) -> None:
    server.script["/"] = [Answer(body, headers={"Content-Type": "application/json"})]
    with pytest.raises(HttpError, match=r"no JSON$") as caught:
        client.get_json(server.url)
    assert caught.value.status == 200
    assert len(server.asked) == 1


def test_json_is_judged_by_its_content(client: HttpClient, server: ScriptedServer) -> None:
    server.script["/"] = [Answer(b"\n[null]", headers={"Content-Type": "text/html"})]
    assert client.get_json(server.url) == [None]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("members", [1, 3])
def test_gzip_is_decompressed(
    client: HttpClient, server: ScriptedServer, chunked: bool, members: int
) -> None:
    third = len(WHOLE) // members + 1
    parts = [WHOLE[start : start + third] for start in range(0, len(WHOLE), third)]
    body = b"".join(map(gzip.compress, parts))
    server.script["/"] = [Answer(body, headers=GZIP, chunked=chunked)]
    assert len(client.get_json(server.url)["data"]) == 50_001
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_another_encoding_is_refused(client: HttpClient, server: ScriptedServer) -> None:
    body = zlib.compress(WHOLE)
    server.script["/"] = [Answer(body, headers={"Content-Encoding": "deflate"})]
    with pytest.raises(HttpError, match="encoding"):
        client.get_json(server.url)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_picture_that_placeproof_reads_is_known_by_its_first_bytes(
    client: HttpClient, server: ScriptedServer, kind: str
) -> None:
    _register_heif()
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, kind)
    server.script["/"] = [Answer(file.getvalue(), headers={"Content-Type": "text/plain"})]
    assert client.get_picture(server.url) == file.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>" + b" " * 10_000,
        b'{"error": "none"}',
        b"\xff\xd8",
        b"RIFF1234WAVEfmt ",
        b"\0\0\0\x18ftypmp42",
        b"BMxxxx no bitmap",
        b"%PDF-1.7 of JPEG",
        b" " + JPEG,
    ],
)
def test_what_is_no_picture_is_refused_whatever_its_type_says(
    client: HttpClient, server: ScriptedServer, body: bytes
) -> None:
    server.script["/"] = [Answer(body, headers={"Content-Type": "image/jpeg"})]
    with pytest.raises(HttpError, match=r"no picture$") as caught:
        client.get_picture(server.url)
    assert caught.value.status == 200
    assert len(server.asked) == 1


def test_a_picture_may_have_as_many_bytes_as_allowed_and_no_more(
    client: HttpClient, server: ScriptedServer
) -> None:
    for answer in (Answer(JPEG), Answer(JPEG, chunked=True), Answer(JPEG, states_length=False)):
        server.script["/"] = [answer]
        assert client.get_picture(server.url, most_bytes=len(JPEG)) == JPEG
        with pytest.raises(HttpError, match=r"answers more than 203 bytes$"):
            client.get_picture(server.url, most_bytes=len(JPEG) - 1)


def test_a_stated_size_that_is_too_large_is_not_waited_for(
    client: HttpClient, server: ScriptedServer
) -> None:
    server.script["/"] = [Answer(JPEG, headers={"Content-Length": "9" * 18}, states_length=False)]
    with pytest.raises(HttpError, match=r"answers more than 67,108,864 bytes$"):
        client.get_picture(server.url)


def test_a_bomb_is_given_up_before_it_is_in_memory(
    client: HttpClient, server: ScriptedServer
) -> None:
    bomb = gzip.compress(JPEG + bytes(2**25))
    server.script["/"] = [Answer(bomb, headers=GZIP)]
    tracemalloc.start()
    try:
        with pytest.raises(HttpError, match=r"answers more than 1,048,576 bytes$"):
            client.get_picture(server.url, most_bytes=2**20)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert len(server.asked) == 1


def test_the_body_of_an_error_is_limited_too(client: HttpClient, server: ScriptedServer) -> None:
    bomb = gzip.compress(b'{"message": "' + b"a" * 2**22 + b'"}')
    server.script["/"] = [Answer(bomb, 400, GZIP)]
    with pytest.raises(HttpError, match=r"400 Bad Request$"):
        client.get_json(server.url)


def test_a_server_that_sends_a_byte_now_and_then_is_given_up(
    client: HttpClient, server: ScriptedServer, clock: FakeClock
) -> None:
    clock.creep = 151.0  # each look at the clock; the limit is 15 times 10 s
    server.script["/"] = [answer_json([1])]
    with pytest.raises(HttpError, match="has not finished its answer after 150 s, after 5 att"):
        client.get_json(server.url)
