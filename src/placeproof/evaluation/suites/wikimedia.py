"""The paper's Wikimedia Commons set (section 5.1): 500 photos of streets all over the world.

    queries/NAME.jpg       photos of Wikimedia Commons
    references/NAME.jpg    the panorama taken at the same place
    labels.txt             optional: QUERY,REFERENCE,LABEL in each line, without a header
    positions.csv          optional: file, lat, lon

What is known of the published layout. The authors put the set at
https://gitlab.vista.isi.edu/chengjia/image-GPS, as lists of what to download, since the pictures
are not theirs; the server was out of reach when this was written. PreslavKisyov's
GPS-Image-Verification on GitHub used the set and describes it: a query and its panorama have the
same name (32 hexadecimal digits, ``.jpg``), so they go into the folders ``queries`` and
``references``; and it has a ``labels.txt`` of some 660 pairs, fewer than the paper's 1000. Such a
list is read where it is there. One of its lines calls a photo and its own
panorama different places, although another says the opposite; it is refused, with its number, and
has to be removed. Without the list, pairs of different places are drawn, as the paper did in a way
that it does not state.
"""

from collections.abc import Sequence
from pathlib import Path

from placeproof.errors import SuiteError
from placeproof.evaluation.negatives import NegativeRule, Reference, negative, with_negatives
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.evaluation.suites.folders import absolute, count_warning, subfolder
from placeproof.evaluation.suites.pairs_folder import match_names

QUERIES = 500
LABELS = "labels.txt"


def read(path: Path, rule: NegativeRule) -> Suite:
    """Reads the set; :func:`placeproof.evaluation.suites.pairs_folder.read` names the errors.

    Raises:
        SuiteError: Also if a line of ``labels.txt`` is wrong.
    """
    folder = absolute(path)
    matched, others = match_names(folder, subfolder(folder, "references"), panorama=True)
    if (folder / LABELS).exists():
        pairs = _listed(folder / LABELS, matched, others)
        about = f"Pairs of both kinds as in {LABELS}."
    else:
        pairs = with_negatives(matched, others, rule, folder)
        about = f"{len(matched)} photos, each with the panorama of its name. {rule}"
    about += count_warning({pair.query for pair in pairs}, QUERIES)
    return Suite("Wikimedia Commons", about, pairs)


def _listed(
    listing: Path, matched: Sequence[EvaluationPair], others: Sequence[Reference]
) -> tuple[EvaluationPair, ...]:
    """The pairs of ``labels.txt``.

    Raises:
        SuiteError: If a line is wrong, names a picture that is not there, or repeats a pair.
    """
    own = {pair.query.name: pair for pair in matched}
    references = {reference.path.name: reference for reference in others}
    first: dict[tuple[str, str], int] = {}
    pairs = []
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise SuiteError(f"{listing.name} cannot be read: {problem}") from problem
    for number, line in enumerate(lines, 1):
        where = f"{listing.name}, line {number}"
        match [field.strip() for field in line.split(",")]:
            case [""]:
                continue
            case [query, reference, "0" | "1" as label]:
                pass
            case _:
                raise SuiteError(f"{where}: not of the form QUERY,REFERENCE,LABEL (1 or 0)")
        if query not in own:
            raise SuiteError(f"{where}: query {query!r} does not exist")
        if reference not in references:
            raise SuiteError(f"{where}: reference {reference!r} does not exist")
        if first.setdefault((query, reference), number) != number:
            raise SuiteError(f"{where}: the pair of line {first[query, reference]} again")
        same = own[query].reference == references[reference].path
        if same != (label == "1"):
            raise SuiteError(
                f"{where}: label {label}, but the names are{'' if same else ' not'} equal"
            )
        pairs.append(own[query] if same else negative(own[query], references[reference]))
    return tuple(pairs)
