"""Any two pictures compared, with no claim about places (template matching, splicing)."""

from pathlib import Path

from placeproof.errors import NotEquirectangularError
from placeproof.images import Picture, read_picture
from placeproof.inference import Inference
from placeproof.network.checkpoint import load_checkpoint
from placeproof.panoramas.intake import require_equirectangular
from placeproof.provenance import Stopwatch, provenance
from placeproof.results import PictureMatch
from placeproof.weights_store import SHIPPED_FILE


def match_pictures(
    query: Path,
    reference: Path,
    *,
    panorama: bool | None = None,
    weights: Path = SHIPPED_FILE,
) -> PictureMatch:
    """Compares any two pictures, with no claim about places (template matching, splicing).

    Args:
        query: The picture to find.
        reference: The picture to find it in.
        panorama: Whether the reference is an equirectangular panorama; if not, its edges do
            not touch and it is scaled as a photo is. None: it is one if it looks like one.
        weights: A checkpoint; the one that ships with placeproof by default.

    Raises:
        NotEquirectangularError: If the reference is said to be a panorama and is none.
        PlaceproofError: If a picture or the weights cannot be used.
    """
    checkpoint = load_checkpoint(weights)
    inference = Inference(checkpoint)
    watch = Stopwatch()
    with watch.stage("read pictures"):
        photo, other = read_picture(query), read_picture(reference)
    if panorama is None:
        panorama = _looks_equirectangular(other)
    elif panorama:
        require_equirectangular(other)
    photo_size = (photo.pixels.shape[1], photo.pixels.shape[0])
    other_size = (other.pixels.shape[1], other.pixels.shape[0])
    with watch.stage("features"):
        query_features = inference.features(
            photo.pixels, inference.photo_size(*photo_size), wraps=False
        )
        input_size = inference.panorama_size if panorama else inference.photo_size(*other_size)
        reference_features = inference.features(other.pixels, input_size, wraps=panorama)
    with watch.stage("match"):
        comparison = inference.compare(
            query_features, photo_size, reference_features, other_size, panorama=panorama
        )
    return PictureMatch(
        comparison=comparison,
        query_size=photo_size,
        reference=reference,
        reference_sha256=other.sha256,
        reference_size=other_size,
        panorama=panorama,
        provenance=provenance(photo, checkpoint, watch),
    )


def _looks_equirectangular(picture: Picture) -> bool:
    try:
        require_equirectangular(picture)
    except NotEquirectangularError:
        return False
    return True
