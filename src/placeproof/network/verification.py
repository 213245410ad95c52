"""The decision (paper, section 3.4, Eq. 4): from how much matches to whether it is the place."""

import torch
from torch import Tensor, nn


class Verification(nn.Module):
    """A multilayer perceptron of 16, 4 and 1 units over the two masks' means."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, 1)
        )

    def forward(self, reference_mask: Tensor, query_mask: Tensor) -> Tensor:
        """The logit of "same place" for each pair.

        Args:
            reference_mask: M_R, (B, H, W) in [0, 1].
            query_mask: M_Q, (B, h, w) in [0, 1].

        Returns:
            (B,) logits.
        """
        means = torch.stack(
            (reference_mask.mean(dim=(1, 2)), query_mask.mean(dim=(1, 2))), dim=1
        )  # V of Eq. 4
        logits: Tensor = self.layers(means)
        return logits[:, 0]
