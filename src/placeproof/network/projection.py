"""From an extractor's features to those that are matched: ours, not the paper's."""

import math

from torch import Tensor, nn
from torch.nn import functional as F


class Projection(nn.Module):
    """A linear map of every patch and, if it has hidden units, what they add to it.

    The linear map begins as PCA whitening: ImageNet features share a few strong directions that
    make all patches look alike. The hidden units begin by adding nothing and learn to tell one
    wall from another (:func:`placeproof.training.losses.correspondence_loss`).

    Args:
        channels: Of the extractor's features.
        projected: Of the result.
        hidden: Units of the hidden layer, or None for the linear map alone.
    """

    def __init__(self, channels: int, projected: int, hidden: int | None = None) -> None:
        super().__init__()
        self.linear = nn.Conv2d(channels, projected, 1)
        self.hidden = nn.Conv2d(channels, hidden, 1) if hidden else None
        self.added = nn.Conv2d(hidden, projected, 1) if hidden else None
        if self.added is not None:
            nn.init.zeros_(self.added.weight)
            nn.init.zeros_(self.added.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, projected, H, W)."""
        projected: Tensor = self.linear(features)
        if self.hidden is not None and self.added is not None:
            # About unit variance, whatever the extractor's scale.
            scaled = F.normalize(features, dim=-3) * math.sqrt(features.shape[-3])
            projected = projected + self.added(F.relu(self.hidden(scaled)))
        return projected
