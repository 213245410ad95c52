"""A stand-in of the package vismatch: the same interface and habits, a few small matchers.

What is used of the real one, 1.4.0: ``available_models``, ``__version__``, ``get_matcher``, whose
first act is to download a repository of the hub and to go on without it; a matcher is called with
two (3, H, W) tensors in [0, 1] and gives a dictionary, with points counted from the first pixel's
centre.
"""

import types
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from torch import Tensor, nn


class Shift(nn.Module):
    """Finds by how much the second picture is moved, and matches a grid of points that agree."""

    skip_ransac = False

    def forward(self, first: Tensor, second: Tensor) -> dict[str, Any]:
        assert not self.training
        assert self.skip_ransac
        for picture in (first, second):
            assert picture.dtype == torch.float32
            assert 0 <= picture.min() <= picture.max() <= 1
        size = [max(first.shape[axis], second.shape[axis]) for axis in (1, 2)]
        one, other = (torch.fft.rfft2(each.mean(0), size) for each in (first, second))
        product = one * other.conj()
        peak = torch.fft.irfft2(product / product.abs().clamp(min=1e-9), size).argmax().item()
        shift = np.array([peak % size[1], peak // size[1]])
        shift = np.where(shift > np.array(size[::-1]) / 2, shift - size[::-1], shift)
        y, x = np.mgrid[0 : first.shape[1] : 16, 0 : first.shape[2] : 16]
        here = np.stack((x.ravel(), y.ravel()), axis=1)
        there = here - shift
        inside = ((there >= 0) & (there < second.shape[:0:-1])).all(axis=1)
        here, there = here[inside], there[inside]
        apart = first[:, here[:, 1], here[:, 0]] - second[:, there[:, 1], there[:, 0]]
        agree = (apart.abs().amax(dim=0) < 0.01).numpy()
        sure = np.linspace(1, 0.5, agree.sum(), dtype=np.float32)
        return found(here[agree].astype(np.float32), there[agree].astype(np.float32), sure)


class Given(nn.Module):
    """Finds what a test says."""

    answer: Any = None

    def forward(self, first: Tensor, second: Tensor) -> dict[str, Any]:
        assert first.shape == second.shape
        return found(*self.answer)


class Weights(Shift):
    """Needs weights of the hub."""

    def __init__(self) -> None:
        super().__init__()
        snapshot_download("vismatch/weights")


class Extra(Shift):
    """Needs a package that vismatch does not bring."""

    def __init__(self) -> None:
        super().__init__()
        import no_such_package  # noqa: F401


class Broken(nn.Module):
    """Fails on its pictures."""

    def forward(self, first: Tensor, second: Tensor) -> dict[str, Any]:
        raise IndexError(f"{first.ndim} and {second.ndim} dimensions\nmore")


def found(first: Any, second: Any, sure: Any) -> dict[str, Any]:
    return {"matched_kpts0": first, "matched_kpts1": second, "matched_confidences": sure}


def fake_package() -> types.ModuleType:
    package: Any = types.ModuleType("vismatch")
    kinds = {kind.__name__.lower(): kind for kind in (Shift, Given, Weights, Extra, Broken)}

    def get_matcher(name: str, device: str = "cpu", max_num_keypoints: int = 2048) -> nn.Module:
        assert (device, max_num_keypoints) == ("cpu", 768)
        try:
            snapshot_download(f"vismatch/{name}")
        except Exception as error:
            print(f"!!! HF repo 'vismatch/{name}' not found: {error}")  # noqa: T201
        return kinds[name]()

    package.get_matcher = get_matcher
    package.available_models = list(kinds)
    package.__version__ = "1.4.0"
    return package
