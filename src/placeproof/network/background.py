"""How much a patch looks like any street: ours, not the paper's."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from placeproof.network.matching import match


class Background(nn.Module):
    """Patches of streets all over the world; the best of them is what a match has to beat.

    A piece of sky or asphalt finds an excellent match in every panorama, which says nothing. So
    a query patch's similarity to a reference counts from its similarity to the most similar
    background patch on: Lowe's ratio test against the world instead of against the same picture.

    Args:
        count: How many patches.
        channels: Of each; what the projection yields.

    Attributes:
        patches: (count, channels), unit length; drawn from training panoramas, not learned.
    """

    patches: Tensor

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("patches", torch.zeros(count, channels))

    @torch.no_grad()
    def draw(self, features: list[Tensor], seed: int) -> None:
        """Draws the patches anew.

        Args:
            features: (channels, H, W) of each panorama. Its upper and lower twelfth, zenith and
                nadir, are left out: no photo shows them.
            seed: Of the draw.
        """
        bands = []
        for panorama in features:
            margin = panorama.shape[1] // 12
            bands.append(panorama[:, margin : panorama.shape[1] - margin].flatten(1).T)
        sizes = torch.tensor([len(band) for band in bands])
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(int(sizes.sum()), (len(self.patches),), generator=generator)
        starts = sizes.cumsum(0) - sizes
        owners = torch.searchsorted(sizes.cumsum(0), drawn, right=True)
        rows = [
            bands[owner][index] for owner, index in zip(owners, drawn - starts[owners], strict=True)
        ]
        self.patches.copy_(F.normalize(torch.stack(rows).float(), dim=1))

    def forward(self, query: Tensor) -> Tensor:
        """The best cosine similarity (..., h, w) of each patch of F_Q (..., C, h, w)."""
        return match(self.patches.T[:, None], query).query
