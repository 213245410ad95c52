"""The documents name only what exists, and the whole of what they promise to name."""

import re
from pathlib import Path

import pytest
import typer

from placeproof import errors
from placeproof.cli import main
from placeproof.errors import PlaceproofError

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "placeproof"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)")
PATH = re.compile(r"(?<![\w./-])(?:src|placeproof|tests|benchmarks|recipes|tools)/[\w./-]*\w/?")
ERROR_ROW = re.compile(r"^\| (\d+) \| (?:`(\w+)`|–) \|", re.MULTILINE)

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def anchors(document: Path) -> set[str]:
    """What links to the document's headings are called, as GitHub makes them."""
    text = CODE_BLOCK.sub("", document.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}


def paths_named(text: str) -> set[str]:
    """Paths in the project; a schema's id such as ``placeproof/verification/2`` is none."""
    named = {path for path in PATH.findall(text) if not re.fullmatch(r".*/\d+", path)}
    return {f"src/{path}" if path.startswith("placeproof/") else path for path in named}


@every_document
def test_relative_links_lead_somewhere(document: Path) -> None:
    text = CODE_BLOCK.sub("", document.read_text(encoding="utf-8"))
    broken = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@every_document
def test_paths_that_are_named_exist(document: Path) -> None:
    named = paths_named(document.read_text(encoding="utf-8"))
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_the_architecture_names_every_module() -> None:
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert modules - paths_named(ARCHITECTURE.read_text(encoding="utf-8")) == set()


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type)]
    expected = [(k.exit_code, k.__name__) for k in kinds if issubclass(k, PlaceproofError)]
    expected += [
        (code, "") for code in (0, typer.BadParameter.exit_code, main.BUG, main.INTERRUPTED)
    ]
    rows = ERROR_ROW.findall(ARCHITECTURE.read_text(encoding="utf-8"))
    assert [(int(code), name) for code, name in rows] == sorted(expected)
