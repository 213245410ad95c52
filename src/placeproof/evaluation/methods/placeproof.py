"""What ``placeproof verify`` says of one reference: both looks, log-odds, verdict."""

import hashlib
from collections import OrderedDict

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.cascade import Cascade
from placeproof.evaluation.method import Answer, Features, Method
from placeproof.evaluation.methods.bupm import box_on_patches
from placeproof.evaluation.methods.dense import (
    DenseFeatures,
    about_weights,
    feature_map,
    picture_size,
)
from placeproof.fusion import load_model, probability
from placeproof.location import Location
from placeproof.matchers.registry import make_matcher
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import Comparison, PanoramaEvidence, SecondLook
from placeproof.second_look.views import PanoramaViews, PictureView, Views
from placeproof.verdict import Situation, decide
from placeproof.weighing import log_odds_of, needs_a_second_look, weigh
from placeproof.weights_store import SHIPPED_FILE

REFERENCES = 4  # whose views' features are kept
# Stands for every reference: which panorama it is makes no difference to the verdict.
_REFERENCE = PanoramaRecord(
    id="reference",
    location=Location(0.0, 0.0),
    heading=None,
    captured=None,
    source="test set",
    licence=None,
    content_hash=None,
    width=1,
    height=1,
)


class Placeproof(Method):
    """The whole product on one photo and one reference, but for cautions.

    The score is the claim's log-odds. Masks and box are the first look's; the yaw is the second
    look's where it was taken and found the photo. The reference counts as taken at the claimed
    place. The second look is taken where the product takes it, and costs its time in
    :meth:`compare`. Local features of a reference's views are made when they are first looked at,
    and kept for the last few references, as the library keeps them on the disk.

    Raises:
        WeightsError: If weights or packages are missing.
    """

    name = "placeproof"
    title = "placeproof"
    source = "BUPM (Cheng et al., ACCV 2018), a second look by local features, and their fusion"

    def __init__(self) -> None:
        self._dense = DenseFeatures.of_checkpoint(SHIPPED_FILE)
        self._model = load_model()
        matcher = make_matcher(self._model.matcher)
        self._cascade = Cascade(self._dense.inference, matcher)
        self.weights = (
            f"{about_weights(SHIPPED_FILE, self._dense.card)}; {self._model.matcher} as its "
            f"authors published it; fusion {self._model.sha256[:12]}"
        )
        self.features_key = f"{self._dense.key} with pixels"
        self._kept: OrderedDict[str, Views] = OrderedDict()  # of the last references, by their hash

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """Dense features, and the pixels for the second look."""
        dense = self._dense.features(pixels, panorama=panorama)
        return {**dense, "pixels": np.array(pixels)}

    @torch.inference_mode()
    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """See :meth:`placeproof.evaluation.method.Method.compare`."""
        photo = self._cascade.photo(_pixels(query), None, dense=feature_map(query))
        comparison = self._cascade.first_look(
            photo, feature_map(reference), picture_size(reference), panorama=panorama
        )
        found = weigh([self._evidence(comparison, None)], self._model)
        if needs_a_second_look(found, self._model):
            views = self._views(_pixels(reference), panorama=panorama)
            look = self._cascade.second_look(photo, views, comparison.yaws)
            found = weigh([self._evidence(comparison, look)], self._model)
        verdict, _ = decide(
            Situation(found.evidence, found.log_odds, prior=0.5, radius_m=1.0), self._model
        )
        seen, box = found.best.second_look, comparison.box
        camera = seen.camera if seen is not None and seen.trusted else None
        return Answer(
            score=found.log_odds,
            probability=probability(found.log_odds),
            query_mask=comparison.query_mask.patches.numpy(),
            reference_mask=comparison.reference_mask.patches.numpy(),
            box=None if box is None else box_on_patches(box, comparison.reference_mask.grid),
            yaw=comparison.yaw if camera is None or not panorama else camera.yaw,
            verdict=verdict,
        )

    def _views(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Views:
        """What the second look sees of a reference (H, W, 3)."""
        if not panorama:
            return PictureView(self._cascade.matcher, pixels)
        key = hashlib.sha256(pixels.tobytes()).hexdigest()
        if key not in self._kept:
            self._kept[key] = PanoramaViews(self._cascade.matcher, pixels.shape[1], lambda: pixels)
        self._kept.move_to_end(key)
        if len(self._kept) > REFERENCES:
            self._kept.popitem(last=False)
        return self._kept[key]

    def _evidence(self, comparison: Comparison, look: SecondLook | None) -> PanoramaEvidence:
        return PanoramaEvidence(
            record=_REFERENCE,
            distance_m=0.0,
            comparison=comparison,
            second_look=look,
            log_odds=log_odds_of(comparison, look, self._model),
            bearing=None,
        )


def _pixels(features: Features) -> NDArray[np.uint8]:
    return features["pixels"].astype(np.uint8, copy=False)
