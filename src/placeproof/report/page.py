"""What all web pages of the package share: their look, and how their templates are filled in."""

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from placeproof import __version__
from placeproof.report.describe import printable


def render_page(template: str, **values: Any) -> bytes:
    """Fills in a template that extends ``report/page.html``.

    Args:
        template: Its path below the package's folder.
        values: What it shows. Text is escaped, and invisible characters are written out.

    Returns:
        The page, UTF-8.
    """
    environment = Environment(
        loader=PackageLoader("placeproof", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    return environment.get_template(template).render(version=__version__, **values).encode()


def data_uri(data: bytes, media_type: str = "image/jpeg") -> str:
    """A picture as part of a page."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _finalize(value: Any) -> Any:
    """What a template does to each value before it escapes it."""
    return printable(value) if type(value) is str else value  # Markup is what it made itself
