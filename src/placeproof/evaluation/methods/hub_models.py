"""Which models of ``torch.hub`` there are, and at which commits their authors' code is run."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model as its authors publish and evaluate it.

    Attributes:
        title: What figures call it.
        source: Its paper.
        repository: "owner/name" on GitHub.
        commit: The one that is run.
        entry: The function in its hubconf.py that gives the trained model.
        square: Pixels along both sides of what it sees; None: the shorter side has VIEW_SIDE.
        options: Arguments of the function.
    """

    title: str
    source: str
    repository: str
    commit: str
    entry: str = "get_trained_model"
    square: int | None = None
    options: dict[str, str | int] = field(default_factory=dict)


VIEW_SIDE = 512  # pixels
MODELS = {
    "megaloc": HubModel(
        "MegaLoc",
        "Berton, Masone: MegaLoc: One Retrieval to Place Them All, CVPR workshops 2025",
        "gmberton/MegaLoc",
        "5fe0dd697c4a70ba3e23607f6716ab3c606b16db",
        square=322,
    ),
    "salad": HubModel(
        "DINOv2 SALAD",
        "Izquierdo, Civera: Optimal Transport Aggregation for Visual Place Recognition, CVPR 2024",
        "serizba/salad",
        "6aede13a3f6c25750bf7fde10209c06cb73060bb",
        entry="dinov2_salad",
        square=322,
    ),
    "eigenplaces": HubModel(
        "EigenPlaces",
        "Berton, Trivigno, Caputo, Masone: EigenPlaces: Training Viewpoint Robust Models for "
        "Visual Place Recognition, ICCV 2023",
        "gmberton/EigenPlaces",
        "a2969f71d5ea31017443af490b15273ca4c50af1",
        options={"backbone": "ResNet50", "fc_output_dim": 2048},
    ),
    "cosplace": HubModel(
        "CosPlace",
        "Berton, Masone, Caputo: Rethinking Visual Geo-localization for Large-Scale "
        "Applications, CVPR 2022",
        "gmberton/CosPlace",
        "52b56e95ea62245281281f3bafd7b9390d19a0fd",
        options={"backbone": "ResNet50", "fc_output_dim": 2048},
    ),
}

# What the models load in turn, always at these commits.
NESTED = {
    "facebookresearch/dinov2": "7764ea0f912e53c92e82eb78a2a1631e92725fc8",
    "gmberton/cosplace": MODELS["cosplace"].commit,
}
