"""The mask detector (paper, Fig. 4b): from best-match scores to the matched region."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNELS = (1, 3, 5)
FILTERS = 4  # of each kernel size


class MaskDetector(nn.Module):
    """An inception module over a map of best-match scores, without pooling.

    Three convolutions side by side, kernels 1, 3 and 5 with 4 filters each, and a 1 x 1
    convolution that joins their 12 channels into one mask. One detector serves the reference
    and the query: the synthetic phase of the training supervises only the reference's mask, so
    a detector of the query's own would never learn what a mask is.
    """

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(1, FILTERS, kernel) for kernel in KERNELS)
        self.join = nn.Conv2d(FILTERS * len(KERNELS), 1, 1)

    def forward(self, scores: Tensor, *, wraps: bool) -> Tensor:
        """Where the match is, as logits.

        Args:
            scores: (B, H, W) best-match scores, B_R or B_Q.
            wraps: Whether left and right edges touch: a panorama is padded circularly there,
                and everything else with its nearest score.

        Returns:
            (B, H, W) logits; their sigmoid is the mask M_R or M_Q.
        """
        maps = [
            F.relu(branch(_pad(scores[:, None], kernel // 2, wraps=wraps)))
            for branch, kernel in zip(self.branches, KERNELS, strict=True)
        ]
        logits: Tensor = self.join(torch.cat(maps, dim=1))
        return logits[:, 0]


def _pad(scores: Tensor, margin: int, *, wraps: bool) -> Tensor:
    """Adds ``margin`` rows and columns on each side of (B, 1, H, W), any H and W from 1 up."""
    height, width = scores.shape[2:]
    rows = torch.arange(-margin, height + margin).clamp(0, height - 1)
    columns = torch.arange(-margin, width + margin)
    columns = columns % width if wraps else columns.clamp(0, width - 1)
    return scores[:, :, rows][..., columns]
