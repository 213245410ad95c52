"""Reading an answer: limited in size and time, whole or not at all, and what it claims to be."""

import json
import re
import zlib
from collections.abc import Iterator
from typing import Any

from requests import Response

from placeproof.net.failures import Failure
from placeproof.net.pace import Clock, retry_after_s

PASSING_STATUSES = (429, 500, 502, 503, 504)
_PIECE = 2**16  # bytes
_MOST_DETAIL_BYTES = 2**16
_MOST_DETAIL = 160  # characters


def require_success(response: Response, clock: Clock, most_s: float) -> None:
    """Raises what a status other than 2xx means.

    Raises:
        Failure: Passing for ``PASSING_STATUSES``; with the server's own words where it has any.
    """
    if 200 <= response.status_code < 300:
        return
    name = re.sub(r"[^ -~]", " ", response.reason or "")[:40].strip()
    reason = f"answers {response.status_code} {name}".rstrip()
    if detail := _detail(response, clock, most_s):
        reason += f" ({detail})"
    raise Failure(
        reason,
        status=response.status_code,
        passing=response.status_code in PASSING_STATUSES,
        retry_after_s=retry_after_s(response.headers.get("Retry-After"), clock.now()),
    )


def read_json(response: Response, most_bytes: int, clock: Clock, most_s: float) -> Any:
    """The JSON value that an answer is, whatever its Content-Type.

    Raises:
        Failure: If it is none. Passing where it begins as JSON and is damaged or cut off.
    """
    body = b"".join(_pieces(response, most_bytes, clock, most_s))
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        begins_as_json = body.lstrip()[:1] in (b"", b"{", b"[")
    if begins_as_json:
        raise Failure(
            "answers damaged or incomplete JSON", status=response.status_code, passing=True
        )
    raise Failure("answers something that is no JSON", status=response.status_code)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def read_picture(response: Response, most_bytes: int, clock: Clock, most_s: float) -> bytes:
    """The bytes of the picture that an answer is, judged by its first bytes.

    Raises:
        Failure: If it is none; as soon as that shows. Passing where it is empty.
    """
    body = bytearray()
    sniffed = False
    for piece in _pieces(response, most_bytes, clock, most_s):
        body += piece
        if not sniffed and len(body) >= _SNIFFED:
            _require_picture(body, response)
            sniffed = True
    if not body:
        raise Failure("answers nothing", status=response.status_code, passing=True)
    if not sniffed:
        _require_picture(body, response)
    return bytes(body)


_SNIFFED = 12  # bytes that tell what a picture is
_PICTURES = re.compile(
    rb"\xff\xd8\xff"  # JPEG
    rb"|\x89PNG\r\n\x1a\n"
    rb"|GIF8[79]a"
    rb"|BM.{4}\0\0\0\0"
    rb"|II\*\0|MM\0\*"  # TIFF
    rb"|RIFF.{4}WEBP"
    rb"|.{4}ftyp(?:avi[fs]|mif1|msf1|hei[cxms]|hev[cxms])",  # AVIF and HEIC
    re.DOTALL,
)


def _require_picture(body: bytearray, response: Response) -> None:
    if not _PICTURES.match(body):
        raise Failure("answers something that is no picture", status=response.status_code)


def _detail(response: Response, clock: Clock, most_s: float) -> str | None:
    """The words with which an API's JSON explains a failure, in one short line."""
    try:
        body = b"".join(_pieces(response, _MOST_DETAIL_BYTES, clock, most_s))
        answer = json.loads(body)
    except Exception:  # the status says enough
        return None
    while isinstance(answer, dict):
        names = ("error", "message", "detail", "error_message", "description")
        answer = next((answer[name] for name in names if answer.get(name)), None)
    if not isinstance(answer, str):
        return None
    return " ".join("".join(c if c.isprintable() else " " for c in answer).split())[:_MOST_DETAIL]


def _pieces(response: Response, most_bytes: int, clock: Clock, most_s: float) -> Iterator[bytes]:
    """The decoded body, piece by piece as it comes.

    Raises:
        Failure: If it has more than ``most_bytes``, before or after decompression; passing if it
            takes more than ``most_s``, breaks off or cannot be decompressed.
    """
    deadline = clock.monotonic() + most_s
    left = most_bytes
    for piece in _decoded(response, _received(response), most_bytes):
        left -= len(piece)
        if left < 0:
            raise _too_large(response, most_bytes)
        if clock.monotonic() > deadline:
            raise Failure(f"has not finished its answer after {most_s:g} s", passing=True)
        yield piece


def _received(response: Response) -> Iterator[bytes]:
    """The body as it is sent: one piece for each that arrives, however small.

    urllib3 raises where fewer bytes than stated arrive.
    """
    while piece := response.raw.read1(_PIECE, decode_content=False):
        yield piece


def _stated_length(response: Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    if "Transfer-Encoding" in response.headers or not re.fullmatch("[0-9]{1,18}", text):
        return None
    return int(text)


def _decoded(response: Response, received: Iterator[bytes], most_bytes: int) -> Iterator[bytes]:
    if (_stated_length(response) or 0) > most_bytes:
        raise _too_large(response, most_bytes)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        yield from received
    elif encoding in ("gzip", "x-gzip"):
        yield from _gunzip(received)
    else:
        raise Failure("answers in an encoding that it was not asked for")


def _gunzip(received: Iterator[bytes]) -> Iterator[bytes]:
    """Decompresses in small pieces, so that no bomb is ever in memory.

    urllib3 would take a gzip stream that ends too early for a whole one.
    """
    decoder = zlib.decompressobj(wbits=31)
    try:
        for piece in received:
            while piece:
                if decoder.eof:  # another gzip member follows the first
                    decoder = zlib.decompressobj(wbits=31)
                yield decoder.decompress(piece, _PIECE)
                piece = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    except zlib.error:
        raise Failure("answers damaged gzip", passing=True) from None
    if not decoder.eof:
        raise Failure("breaks off in the middle of gzip", passing=True)


def _too_large(response: Response, most_bytes: int) -> Failure:
    return Failure(f"answers more than {most_bytes:,} bytes", status=response.status_code)
