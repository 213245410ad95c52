"""Bottom-up pattern matching (paper, section 3.3, Eq. 1-3): each patch's best match.

:func:`match_by_definition` follows the equations to the letter and holds the whole similarity
tensor S; it is the oracle of the tests. :func:`match` is the one in use: it streams over
blocks of S and holds only the best match of each patch, so that its memory does not grow with
the product of the two sizes. Both treat a patch whose features are all zero as similar to
nothing: its similarity is 0 to every patch. Of several equally good matches the first counts.
"""

import itertools
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_ELEMENTS = 2**22  # of S, computed at a time: 16 MiB in single precision
SMALLEST_NORM = 1e-12  # a feature vector shorter than this counts as zero


class Matches(NamedTuple):
    """The best match of every patch, seen from both sides.

    Attributes:
        reference: B_R of Eq. 2, (..., H, W) float in [-1, 1]: how similar each reference patch
            is to the query patch most like it.
        query: B_Q of Eq. 3, (..., h, w) float in [-1, 1], the other way round.
        reference_index: (..., H, W) int64: the query patch that matched, row * w + column.
        query_index: (..., h, w) int64: the reference patch that matched, row * W + column.
    """

    reference: Tensor
    query: Tensor
    reference_index: Tensor
    query_index: Tensor


def similarity(reference: Tensor, query: Tensor) -> Tensor:
    """Cosine similarity of every reference patch with every query patch (Eq. 1).

    Args:
        reference: F_R, (..., C, H, W) float.
        query: F_Q, (..., C, h, w) float; leading dimensions broadcast with those of F_R.

    Returns:
        S, (..., H, W, h, w), in [-1, 1].
    """
    reference = reference * _inverse_norm(reference, dim=-3)
    query = query * _inverse_norm(query, dim=-3)
    return torch.einsum("...cxy,...cij->...xyij", reference, query)


def match_by_definition(reference: Tensor, query: Tensor) -> Matches:
    """Best matches from the whole of S; arguments and result as of :func:`match`."""
    s = similarity(reference, query)
    best_reference = s.flatten(-2).max(dim=-1)  # over the query's patches, Eq. 2
    best_query = s.flatten(-4, -3).max(dim=-3)  # over the reference's patches, Eq. 3
    return Matches(
        best_reference.values, best_query.values, best_reference.indices, best_query.indices
    )


def match(reference: Tensor, query: Tensor) -> Matches:
    """Best matches of two feature maps, or of many, without ever holding S.

    Leading dimensions broadcast: a query (C, h, w) with references (B, C, H, W) is matched
    with each; references (R, 1, C, H, W) and queries (Q, C, h, w) are matched all with all.
    Gradients are those of Eq. 1-3: each best similarity depends on the two patches that it
    compares. Half-precision features are matched in
    single precision.

    Args:
        reference: F_R, (..., C, H, W) float.
        query: F_Q, (..., C, h, w) float.

    Returns:
        The best matches, leading dimensions broadcast.

    Raises:
        ValueError: If the two have different numbers of channels, or one holds no patch.
    """
    if reference.shape[-3] != query.shape[-3]:
        raise ValueError(
            f"reference features have {reference.shape[-3]} channels and "
            f"query features {query.shape[-3]}"
        )
    if 0 in (*reference.shape[-2:], *query.shape[-2:]):
        raise ValueError("a feature map without patches cannot be matched")
    leading = (reference.shape[:-3], query.shape[:-3])
    batch = torch.broadcast_shapes(*leading)  # type: ignore[no-untyped-call]
    references = reference.expand(*batch, -1, -1, -1).flatten(-2)
    queries = query.expand(*batch, -1, -1, -1).flatten(-2)
    pairs = [
        _StreamedMatch.apply(references[index], queries[index])
        for index in itertools.product(*map(range, batch))
    ]
    best_reference, best_query, reference_index, query_index = (
        torch.stack(column) for column in zip(*pairs, strict=True)
    )
    reference_shape = (*batch, *reference.shape[-2:])
    query_shape = (*batch, *query.shape[-2:])
    return Matches(
        best_reference.reshape(reference_shape),
        best_query.reshape(query_shape),
        reference_index.reshape(reference_shape),
        query_index.reshape(query_shape),
    )


class _StreamedMatch(torch.autograd.Function):
    """Best matches of reference patches (C, N) and query patches (C, M), block by block of N."""

    @staticmethod
    def forward(
        ctx: Any, reference: Tensor, query: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        patches, queries = reference.shape[1], query.shape[1]
        precision = torch.promote_types(reference.dtype, torch.float32)
        query_unit = _unit_columns(query.to(precision)).T.contiguous()
        best_reference = query_unit.new_empty(patches)
        reference_index = torch.empty(patches, dtype=torch.int64, device=query.device)
        best_query = query_unit.new_full((queries,), -torch.inf)
        query_index = torch.zeros(queries, dtype=torch.int64, device=query.device)
        step = max(1, BLOCK_ELEMENTS // queries)
        for start in range(0, patches, step):
            stop = min(start + step, patches)
            block = query_unit @ _unit_columns(reference[:, start:stop].to(precision))  # (M, n)
            best_reference[start:stop], reference_index[start:stop] = block.max(dim=0)
            value, index = block.max(dim=1)
            better = value > best_query  # strictly: of equals the first counts
            best_query = torch.where(better, value, best_query)
            query_index = torch.where(better, index + start, query_index)
        ctx.save_for_backward(reference, query, reference_index, query_index)
        ctx.mark_non_differentiable(reference_index, query_index)
        return best_reference, best_query, reference_index, query_index

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Each best similarity pulls at the two unit vectors that it compares."""
        to_reference, to_query = gradients[:2]
        reference, query, reference_index, query_index = ctx.saved_tensors
        reference, query = reference.to(to_reference.dtype), query.to(to_query.dtype)
        reference_unit, query_unit = _unit_columns(reference), _unit_columns(query)
        towards_reference = query_unit[:, reference_index] * to_reference
        towards_reference.index_add_(1, query_index, query_unit * to_query)
        towards_query = reference_unit[:, query_index] * to_query
        towards_query.index_add_(1, reference_index, reference_unit * to_reference)
        return (
            _through_norm(towards_reference, reference, reference_unit),
            _through_norm(towards_query, query, query_unit),
        )


def _through_norm(gradient: Tensor, features: Tensor, unit: Tensor) -> Tensor:
    """Gradient at ``features`` (C, N) of a loss with ``gradient`` at their unit vectors."""
    radial = (gradient * unit).sum(dim=0, keepdim=True)
    return (gradient - radial * unit) * _inverse_norm(features, dim=0)


def _unit_columns(features: Tensor) -> Tensor:
    """Features (C, N) at unit length along C; zero where they are zero."""
    return features * _inverse_norm(features, dim=0)


def _inverse_norm(features: Tensor, dim: int) -> Tensor:
    """1 / length along ``dim``, which is kept; 0 where the length counts as zero."""
    norm = torch.linalg.vector_norm(features, dim=dim, keepdim=True)
    return torch.where(norm > SMALLEST_NORM, 1 / norm.clamp_min(SMALLEST_NORM), 0.0)
