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

BLOCK_ELEMENTS = 2**22  # of S, or of features, handled at a time: 16 MiB in single precision
SMALLEST_NORM = 1e-12  # a feature vector shorter than this counts as zero


class Matches(NamedTuple):
    """The best match of every patch, seen from both sides.

    Attributes:
        reference: B_R of Eq. 2, (..., H, W) float in [-1, 1]: how similar each reference patch
            is to the query patch most like it. In [-2, 2] where a background was subtracted.
        query: B_Q of Eq. 3, (..., h, w) float in the same range, the other way round.
        reference_index: (..., H, W) int64: the query patch that matched, row * w + column.
        query_index: (..., h, w) int64: the reference patch that matched, row * W + column.
        similarity: (..., h, w) float in [-1, 1]: cosine similarity of each query patch and the
            reference patch that matched; B_Q itself, unless a background was subtracted there.
    """

    reference: Tensor
    query: Tensor
    reference_index: Tensor
    query_index: Tensor
    similarity: Tensor


def similarity(reference: Tensor, query: Tensor) -> Tensor:
    """Cosine similarity of every reference patch with every query patch (Eq. 1).

    Args:
        reference: F_R, (..., C, H, W) float.
        query: F_Q, (..., C, h, w) float; leading dimensions broadcast with those of F_R.

    Returns:
        S, (..., H, W, h, w), in [-1, 1].
    """
    reference = reference * _inverse(torch.linalg.vector_norm(reference, dim=-3, keepdim=True))
    query = query * _inverse(torch.linalg.vector_norm(query, dim=-3, keepdim=True))
    return torch.einsum("...cxy,...cij->...xyij", reference, query)


def match_by_definition(
    reference: Tensor, query: Tensor, background: Tensor | None = None
) -> Matches:
    """Best matches from the whole of S; arguments and result as of :func:`match`."""
    background = query.new_zeros(query.shape[-2:]) if background is None else background.detach()
    s = similarity(reference, query) - background[..., None, None, :, :]
    best_reference = s.flatten(-2).max(dim=-1)  # over the query's patches, Eq. 2
    best_query = s.flatten(-4, -3).max(dim=-3)  # over the reference's patches, Eq. 3
    return Matches(
        best_reference.values,
        best_query.values,
        best_reference.indices,
        best_query.indices,
        best_query.values + background,
    )


def match(reference: Tensor, query: Tensor, background: Tensor | None = None) -> Matches:
    """Best matches of two feature maps, or of many, without ever holding S.

    Leading dimensions broadcast: a query (C, h, w) with references (B, C, H, W) is matched
    with each; references (R, 1, C, H, W) and queries (Q, C, h, w) are matched all with all.
    Gradients are those of Eq. 1-3: each best similarity depends on the two patches that it
    compares. Half-precision features are matched in single precision.

    Args:
        reference: F_R, (..., C, H, W) float.
        query: F_Q, (..., C, h, w) float.
        background: (..., h, w), subtracted from all similarities of each query patch; see
            :mod:`placeproof.network.background`. Leading dimensions broadcast. No gradient.

    Returns:
        The best matches, leading dimensions broadcast.

    Raises:
        ValueError: If the two have different numbers of channels, or there is nothing to match.
    """
    if reference.shape[-3] != query.shape[-3]:
        raise ValueError(
            f"reference features have {reference.shape[-3]} channels and "
            f"query features {query.shape[-3]}"
        )
    leading = (reference.shape[:-3], query.shape[:-3])
    batch = torch.broadcast_shapes(*leading)  # type: ignore[no-untyped-call]
    if 0 in (*batch, *reference.shape[-2:], *query.shape[-2:]):
        raise ValueError("feature maps without patches, or no maps at all, cannot be matched")
    references, queries = reference.flatten(-2), query.flatten(-2)
    background = query.new_zeros(()) if background is None else background.detach()
    background = background.expand(*batch, *query.shape[-2:])
    operands = [
        tensor.expand(*batch, -1, -1)
        for tensor in (
            references,
            queries,
            _inverse_norms(references),
            _inverse_norms(queries),
            background.flatten(-2)[..., None],
        )
    ]
    pairs = [
        _StreamedMatch.apply(*(operand[index] for operand in operands))
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
        best_query.reshape(query_shape) + background,
    )


class _StreamedMatch(torch.autograd.Function):
    """Best matches of reference patches (C, N) and query patches (C, M), block by block of N.

    The inverse norms (1, N) and (1, M) of both come from outside, so that a map that is matched
    with many others is measured once; backward takes account of them. The background (M, 1) is a
    constant.
    """

    @staticmethod
    def forward(
        ctx: Any,
        reference: Tensor,
        query: Tensor,
        reference_scale: Tensor,
        query_scale: Tensor,
        background: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        (channels, patches), queries = reference.shape, query.shape[1]
        query_unit = (query * query_scale).T.contiguous()
        best_reference = query_unit.new_empty(patches)
        reference_index = torch.empty(patches, dtype=torch.int64, device=query.device)
        best_query = query_unit.new_full((queries,), -torch.inf)
        query_index = torch.zeros(queries, dtype=torch.int64, device=query.device)
        step = max(1, BLOCK_ELEMENTS // max(channels, queries))
        for start in range(0, patches, step):
            stop = min(start + step, patches)
            # Scaling the product spares a copy of the reference at unit length.
            block = query_unit @ reference[:, start:stop].to(query_unit.dtype)  # (M, n)
            block *= reference_scale[:, start:stop]
            block -= background
            best_reference[start:stop], reference_index[start:stop] = block.max(dim=0)
            value, index = block.max(dim=1)
            better = value > best_query  # strictly: of equals the first counts
            best_query = torch.where(better, value, best_query)
            query_index = torch.where(better, index + start, query_index)
        ctx.save_for_backward(
            reference, query, reference_scale, query_scale, reference_index, query_index
        )
        ctx.mark_non_differentiable(reference_index, query_index)
        return best_reference, best_query, reference_index, query_index

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Each best similarity pulls at the two unit vectors that it compares."""
        to_reference, to_query = gradients[:2]
        reference, query, reference_scale, query_scale, *indices = ctx.saved_tensors
        reference_index, query_index = indices
        reference_unit, query_unit = reference * reference_scale, query * query_scale
        towards_reference = query_unit[:, reference_index] * to_reference
        towards_reference.index_add_(1, query_index, query_unit * to_query)
        towards_query = reference_unit[:, query_index] * to_query
        towards_query.index_add_(1, reference_index, reference_unit * to_reference)
        return (
            _through_norm(towards_reference, reference_unit, reference_scale),
            _through_norm(towards_query, query_unit, query_scale),
            None,
            None,
            None,
        )


def _through_norm(gradient: Tensor, unit: Tensor, scale: Tensor) -> Tensor:
    """Gradient at features (C, N) of a loss with ``gradient`` at their unit vectors."""
    radial = (gradient * unit).sum(dim=0, keepdim=True)
    return (gradient - radial * unit) * scale


@torch.no_grad()
def _inverse_norms(features: Tensor) -> Tensor:
    """1 / length of each column of (..., C, N), at least in single precision: (..., 1, N)."""
    precision = torch.promote_types(features.dtype, torch.float32)
    if features.stride(-2) == 1:
        return _inverse(torch.linalg.vector_norm(features, dim=-2, keepdim=True, dtype=precision))
    # Where channels are far apart in memory, vector_norm takes ten times as long as this.
    squares = features.new_zeros((*features.shape[:-2], 1, features.shape[-1]), dtype=precision)
    chunks = -(-4 * features.numel() // BLOCK_ELEMENTS)  # a quarter block stays in the cache
    for part in features.chunk(chunks, dim=-2):
        squares += part.to(precision).square().sum(dim=-2, keepdim=True)
    return _inverse(squares.sqrt())


def _inverse(norm: Tensor) -> Tensor:
    """1 / norm; 0 where it counts as zero."""
    return torch.where(norm > SMALLEST_NORM, 1 / norm.clamp_min(SMALLEST_NORM), 0.0)
