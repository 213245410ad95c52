"""A building detector of any semantic segmenter of Hugging Face ``transformers``."""

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from placeproof import weights_store
from placeproof.download import Progress, download
from placeproof.errors import DownloadNotAllowedError, WeightsError, WeightsMismatchError
from placeproof.files import file_sha256

FILES = ("config.json", "preprocessor_config.json", "model.safetensors")
# What data sets call buildings: ADE20K the first five, Cityscapes and CamVid the first.
CLASSES = frozenset({"building", "house", "skyscraper", "tower", "hovel", "edifice"})
TILE = 512  # pixels along a side: what the published models were trained on
MOST_TILES = 16  # along the longer side of a picture, end to end
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


class Segmenter:
    """A semantic segmenter, such as UperNet or SegFormer, of ADE20K or Cityscapes classes.

    A picture is cut into overlapping square tiles, each of which has about the field of view of
    a photo: a photo's shorter side is one tile high, and of a panorama a tile is 90 degrees.

    Args:
        folder: Holds ``FILES``. Nothing else is read, and no code from there is run.

    Attributes:
        name: The folder's name, and which weights of that name it has.

    Raises:
        WeightsError: If ``transformers`` is missing, or a file is missing or damaged.
        WeightsMismatchError: If the weights are not the model's, or no class is a building.
    """

    def __init__(self, folder: Path) -> None:
        transformers = _transformers()
        for file in FILES:
            if not (folder / file).is_file():
                raise WeightsError(f"the segmenter '{folder}' lacks its {file}")
        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._prepare = transformers.AutoImageProcessor.from_pretrained(folder, **options)
            model, loading = transformers.AutoModelForSemanticSegmentation.from_pretrained(
                folder, use_safetensors=True, output_loading_info=True, **options
            )
        # What a damaged file of somebody else's makes that library raise is not documented.
        except Exception as error:
            reason = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
            raise WeightsError(f"cannot load the segmenter '{folder}': {reason}") from error
        wrong = [*loading["missing_keys"], *loading["mismatched_keys"]]
        wrong = [key for key in wrong if not str(key).endswith("num_batches_tracked")]
        if wrong:
            raise WeightsMismatchError(
                f"the weights of the segmenter '{folder}' lack {len(wrong)} tensors of its model, "
                f"first '{wrong[0]}'"
            )
        self.name = f"{folder.name}-{file_sha256(folder / FILES[-1])[:12]}"
        self._model = model.float().eval()
        self._classes = building_classes(self._model.config.id2label)
        if not self._classes:
            raise WeightsMismatchError(f"the segmenter '{folder}' has no class for buildings")

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.uint8], *, wraps: bool = False) -> NDArray[np.float32]:
        """See :class:`placeproof.buildings.detector.BuildingDetector`."""
        size = _scaled(*pixels.shape[1::-1], wraps=wraps)
        picture = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
        width, height = size
        # A tile counts less towards its edges, where it has seen less of the surroundings.
        slope = 1 - (torch.arange(TILE) + 0.5 - TILE / 2).abs() / (TILE / 2)
        weight = torch.outer(slope, slope)
        total, weights = torch.zeros(height, width), torch.zeros(height, width)
        for top in _starts(height, wraps=False):
            for left in _starts(width, wraps=wraps):
                columns = np.arange(left, left + TILE) % width
                rows = slice(top, top + TILE)
                found = self._probability(picture[rows][:, columns])
                total[rows, columns] += weight * found
                weights[rows, columns] += weight
        probability: NDArray[np.float32] = (total / weights).clamp(0, 1).numpy()
        return probability

    def _probability(self, tile: NDArray[np.uint8]) -> Tensor:
        """Building probability (TILE, TILE) of a tile (TILE, TILE, 3)."""
        inputs = self._prepare(images=tile, do_resize=False, return_tensors="pt")
        logits: Tensor = self._model(pixel_values=inputs["pixel_values"]).logits
        found = logits.softmax(dim=1)[:, self._classes].sum(dim=1, keepdim=True)
        return F.interpolate(found, (TILE, TILE), mode="bilinear", align_corners=False)[0, 0]


def load_segmenter(
    name: str,
    *,
    allow_download: bool,
    progress: Progress = lambda _here, _total: None,
) -> Segmenter:
    """A segmenter of a local folder, or of a repository on the Hugging Face hub.

    Args:
        name: A folder, or "owner/name" such as "nvidia/segformer-b0-finetuned-ade-512-512".
        allow_download: Whether the user has asked for downloads.
        progress: Told how many bytes of the current file are here, and how many there are.

    Raises:
        WeightsError: If there is no such folder and the name is no repository's, or if the files
            cannot be loaded.
        WeightsMismatchError: See :class:`Segmenter`.
        DownloadNotAllowedError: If it would have to be downloaded and the user has not asked.
        DownloadError: If the download fails.
        StorageError: If it cannot be stored.
    """
    if Path(name).is_dir():
        return Segmenter(Path(name))
    if not _REPOSITORY.fullmatch(name):
        raise WeightsError(
            f"no segmenter is called '{name}'; give a folder, or a Hugging Face repository as "
            "owner/name"
        )
    _transformers()  # before hundreds of megabytes are downloaded in vain
    folder = weights_store.downloads_folder().with_name("segmenters") / name.replace("/", "--")
    missing = [file for file in FILES if not (folder / file).is_file()]
    if missing and not allow_download:
        raise DownloadNotAllowedError(
            f"the segmenter '{name}' has not been downloaded yet; to do that, add --allow-download"
        )
    for file in missing:
        download(name, file, folder / file, progress)
    return Segmenter(folder)


def building_classes(names: dict[int, str]) -> list[int]:
    """The classes of a model that are buildings, by their names.

    Args:
        names: The model's ``id2label``; a name may list several words, such as
            "building;edifice" or "hovel, hut".
    """
    return [
        number
        for number, name in sorted(names.items())
        if CLASSES & {word.strip().lower() for word in re.split(r"[;,]", name)}
    ]


def _scaled(width: int, height: int, *, wraps: bool) -> tuple[int, int]:
    """Width and height at which a picture is cut into tiles."""
    if wraps:
        return 4 * TILE, 2 * TILE
    shorter, longer = min(width, height), max(width, height)
    side = min(round(longer * TILE / shorter), MOST_TILES * TILE)
    return (TILE, side) if width < height else (side, TILE)


def _starts(length: int, *, wraps: bool) -> list[int]:
    """Where tiles begin: every half tile, or less where that would not end at the edge."""
    if wraps:
        return list(range(0, length, TILE // 2))
    count = -(-(length - TILE) // (TILE // 2)) + 1
    return [round(start) for start in np.linspace(0, length - TILE, count).tolist()]


def _transformers() -> Any:
    try:
        return importlib.import_module("transformers")
    except ImportError as error:
        raise WeightsError(
            "a segmenter needs the package transformers; run: pip install 'placeproof[segmenter]'"
        ) from error
