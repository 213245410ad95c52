import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from placeproof.network import matching
from placeproof.network.matching import Matches, match, match_by_definition, similarity

MATCHERS = [match, match_by_definition]
either = pytest.mark.parametrize("matcher", MATCHERS)
SIDES = st.integers(1, 7)
Matcher = Callable[..., Matches]


def maps(seed: int, *shapes: tuple[int, ...], dtype: torch.dtype = torch.float32) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]


def assert_same(streamed: Matches, defined: Matches) -> None:
    for got, expected in zip(streamed, defined, strict=True):
        assert got.dtype == expected.dtype
        torch.testing.assert_close(got, expected)  # indices exactly, values to rounding


def gradients(
    matcher: Matcher, reference: Tensor, query: Tensor, background: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Of a loss in which every best match has a weight of its own."""
    reference, query = reference.clone().requires_grad_(), query.clone().requires_grad_()
    found = matcher(reference, query, background)
    weights = maps(99, tuple(found.reference.shape), tuple(found.query.shape))
    loss = sum((b * w.to(b.dtype)).sum() for b, w in zip(found[:2], weights, strict=True))
    assert isinstance(loss, Tensor)
    return torch.autograd.grad(loss, (reference, query))


def separated(reference: Tensor, query: Tensor, background: Tensor | None = None) -> bool:
    """Whether each best match beats the second by more than rounding."""
    s = similarity(reference, query)
    if background is not None:
        s = s - background[..., None, None, :, :]
    s = s.flatten(-2).flatten(-3, -2)
    return all(
        s.shape[dim] == 1 or bool((-s.topk(2, dim).values.diff(dim=dim) > 1e-5).all())
        for dim in (-1, -2)
    )


def test_the_definition_on_numbers_worked_out_by_hand() -> None:
    reference = torch.tensor([[[3.0, 0.0, -1.0]], [[4.0, 2.0, 0.0]]])  # (2, 1, 3)
    query = torch.tensor([[[1.0], [0.0]], [[0.0], [5.0]]])  # (2, 2, 1)
    expected = torch.tensor([[[[0.6], [0.8]], [[0.0], [1.0]], [[-1.0], [0.0]]]])
    torch.testing.assert_close(similarity(reference, query), expected)
    for matcher in MATCHERS:
        best = matcher(reference, query)
        torch.testing.assert_close(best.reference, torch.tensor([[0.8, 1.0, 0.0]]))
        torch.testing.assert_close(best.query, torch.tensor([[0.6], [1.0]]))
        assert best.reference_index.tolist() == [[1, 1, 1]]
        assert best.query_index.tolist() == [[0], [1]]


@settings(max_examples=60)
@given(
    channels=st.integers(1, 5),
    reference_size=st.tuples(SIDES, SIDES),
    query_size=st.tuples(SIDES, SIDES),
    block=st.integers(1, 60),
    scale=st.sampled_from([None, 0.01, 0.3, 2.0]),
    seed=st.integers(0, 1000),
)
def test_streamed_agrees_with_the_definition(
    channels: int,
    reference_size: tuple[int, int],
    query_size: tuple[int, int],
    block: int,
    scale: float | None,
    seed: int,
) -> None:
    reference, query = maps(seed, (channels, *reference_size), (channels, *query_size))
    background = None if scale is None else scale * maps(seed + 1, query_size)[0]
    assume(separated(reference, query, background))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "BLOCK_ELEMENTS", block)
        assert_same(
            match(reference, query, background), match_by_definition(reference, query, background)
        )
        torch.testing.assert_close(
            gradients(match, reference, query, background),
            gradients(match_by_definition, reference, query, background),
        )


@pytest.mark.parametrize(
    ("reference_batch", "query_batch", "batch"),
    [
        ((3,), (), (3,)),  # one query x many references
        ((), (3,), (3,)),
        ((3,), (3,), (3,)),  # pairs
        ((3, 1), (2,), (3, 2)),  # all x all
        ((1,), (2, 3), (2, 3)),
        ((1,), (1,), (1,)),
    ],
)
def test_leading_dimensions_broadcast(
    reference_batch: tuple[int, ...], query_batch: tuple[int, ...], batch: tuple[int, ...]
) -> None:
    reference, query = maps(1, (*reference_batch, 6, 4, 5), (*query_batch, 6, 3, 2))
    best = match(reference, query)
    assert best.reference.shape == best.reference_index.shape == (*batch, 4, 5)
    assert best.query.shape == best.query_index.shape == best.similarity.shape == (*batch, 3, 2)
    assert_same(best, match_by_definition(reference, query))
    torch.testing.assert_close(
        gradients(match, reference, query), gradients(match_by_definition, reference, query)
    )
    references = reference.expand(*batch, -1, -1, -1)
    queries = query.expand(*batch, -1, -1, -1)
    for index in itertools.product(*map(range, batch)):
        alone = match(references[index], queries[index])
        assert_same(Matches(*(part[index] for part in best)), alone)


@pytest.mark.parametrize(
    ("reference_batch", "query_batch", "background_batch", "batch"),
    [
        ((3,), (), (), (3,)),  # one query with its background x many references
        ((), (3,), (3,), (3,)),
        ((3,), (3,), (3,), (3,)),  # pairs
        ((3, 1), (2,), (2,), (3, 2)),  # all x all
        ((3,), (3,), (), (3,)),
        ((1,), (1,), (1,), (1,)),
    ],
)
def test_a_background_broadcasts_as_its_query_does(
    reference_batch: tuple[int, ...],
    query_batch: tuple[int, ...],
    background_batch: tuple[int, ...],
    batch: tuple[int, ...],
) -> None:
    shapes = ((*reference_batch, 6, 4, 5), (*query_batch, 6, 3, 2), (*background_batch, 3, 2))
    reference, query, background = maps(1, *shapes)
    best = match(reference, query, background)
    assert best.query.shape == best.similarity.shape == (*batch, 3, 2)
    assert_same(best, match_by_definition(reference, query, background))
    torch.testing.assert_close(
        gradients(match, reference, query, background),
        gradients(match_by_definition, reference, query, background),
    )
    references = reference.expand(*batch, -1, -1, -1)
    queries = query.expand(*batch, -1, -1, -1)
    backgrounds = background.expand(*batch, -1, -1)
    for index in itertools.product(*map(range, batch)):
        alone = match(references[index], queries[index], backgrounds[index])
        assert_same(Matches(*(part[index] for part in best)), alone)


@either
def test_a_background_on_numbers_worked_out_by_hand(matcher: Matcher) -> None:
    reference = torch.tensor([[[3.0, 0.0, -1.0]], [[4.0, 2.0, 0.0]]])  # (2, 1, 3)
    query = torch.tensor([[[1.0], [0.0]], [[0.0], [5.0]]])  # (2, 2, 1)
    best = matcher(reference, query, torch.tensor([[0.1], [0.9]]))
    # S is .6 .0 -1 with the first query patch and .8 1 0 with the second.
    torch.testing.assert_close(best.reference, torch.tensor([[0.5, 0.1, -0.9]]))
    torch.testing.assert_close(best.query, torch.tensor([[0.5], [0.1]]))
    assert best.reference_index.tolist() == [[0, 1, 1]]
    assert best.query_index.tolist() == [[0], [1]]
    torch.testing.assert_close(best.similarity, torch.tensor([[0.6], [1.0]]))


@either
def test_without_a_background_the_similarity_is_the_score(matcher: Matcher) -> None:
    reference, query = maps(14, (2, 8, 3, 4), (8, 2, 3))
    best = matcher(reference, query)
    assert torch.equal(best.similarity, best.query)
    assert_same(matcher(reference, query, torch.zeros(2, 3)), best)


@either
def test_a_background_gets_no_gradient_and_is_not_changed(matcher: Matcher) -> None:
    reference, query, background = maps(15, (8, 3, 4), (8, 2, 3), (2, 3))
    before = background.clone()
    background.requires_grad_()
    assert not any(part.requires_grad for part in matcher(reference, query, background))
    found = matcher(reference, query.requires_grad_(), background)
    (found.reference.sum() + found.query.sum() + found.similarity.sum()).backward()
    assert query.grad is not None
    assert background.grad is None
    assert torch.equal(background, before)


@either
def test_the_similarity_has_the_gradient_of_the_score(matcher: Matcher) -> None:
    reference, query, background = maps(16, (8, 3, 4), (8, 2, 3), (2, 3))
    query.requires_grad_()
    found = matcher(reference, query, background)
    of_similarity, of_score = (
        torch.autograd.grad(part.sum(), query, retain_graph=True)[0]
        for part in (found.similarity, found.query)
    )
    torch.testing.assert_close(of_similarity, of_score)


@either
def test_gradients_are_those_of_finite_differences(matcher: Matcher) -> None:
    reference, query = maps(2, (2, 1, 3, 2, 3), (3, 3, 1), dtype=torch.float64)
    assert separated(reference, query[..., None])
    inputs = (reference.requires_grad_(), query[..., None].requires_grad_())
    assert torch.autograd.gradcheck(lambda r, q: matcher(r, q)[:2], inputs)


@pytest.mark.parametrize("reference_needs_it", [True, False])
def test_one_side_may_be_frozen(reference_needs_it: bool) -> None:
    reference, query = maps(3, (4, 3, 5), (4, 2, 2))
    expected = gradients(match, reference, query)
    needs_it = reference if reference_needs_it else query
    needs_it.requires_grad_()
    found = match(reference, query)
    weights = maps(99, (3, 5), (2, 2))
    ((found.reference * weights[0]).sum() + (found.query * weights[1]).sum()).backward()
    assert needs_it.grad is not None
    torch.testing.assert_close(needs_it.grad, expected[0 if reference_needs_it else 1])
    assert not found.reference_index.requires_grad


@either
@pytest.mark.parametrize("zeros", ["reference", "query", "both", "one patch of each"])
def test_patches_without_a_norm_are_similar_to_nothing(matcher: Matcher, zeros: str) -> None:
    reference, query = maps(4, (5, 3, 4), (5, 2, 3))
    reference, query = -reference.abs(), query.abs()  # so that 0 is the greatest similarity
    if zeros in ("reference", "both"):
        reference.zero_()
    if zeros in ("query", "both"):
        query.zero_()
    if zeros == "one patch of each":
        reference[:, 1, 2] = query[:, 0, 1] = 0
    best = matcher(reference, query)
    assert torch.equal(best.reference[1, 2], torch.tensor(0.0))
    assert torch.equal(best.query[0, 1], torch.tensor(0.0))
    for side, gradient in zip(
        (reference, query), gradients(matcher, reference, query), strict=True
    ):
        assert gradient.isfinite().all()
        assert not gradient[:, (side == 0).all(dim=0)].any()
    if zeros == "one patch of each":
        assert torch.equal(best.reference, torch.zeros(3, 4)), "best of all is the zero patch"
        assert best.reference_index.tolist() == [[1] * 4, [1, 1, 0, 1], [1] * 4]
        assert best.query_index.tolist() == [[6, 0, 6], [6, 6, 6]]
    assert_same(match(reference, query), match_by_definition(reference, query))


@settings(max_examples=40)
@given(
    directions=st.lists(st.integers(0, 3), min_size=1, max_size=24),
    query_directions=st.lists(st.integers(0, 3), min_size=1, max_size=24),
    block=st.integers(1, 60),
)
def test_of_equals_the_first_counts(
    directions: list[int], query_directions: list[int], block: int
) -> None:
    axes = torch.eye(4)  # exact arithmetic: every similarity is 0 or 1
    lengths = 2.0 ** (torch.arange(24) % 5)
    reference = (axes[directions] * lengths[: len(directions), None]).T[:, None]
    query = (axes[query_directions] * lengths[: len(query_directions), None]).T[:, None]
    expected = [query_directions.index(d) if d in query_directions else 0 for d in directions]
    expected_query = [directions.index(d) if d in directions else 0 for d in query_directions]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "BLOCK_ELEMENTS", block)
        for matcher in MATCHERS:
            best = matcher(reference, query)
            assert best.reference_index[0].tolist() == expected
            assert best.query_index[0].tolist() == expected_query
        torch.testing.assert_close(
            gradients(match, reference, query), gradients(match_by_definition, reference, query)
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("which", ["reference", "query", "both"])
def test_half_precision_is_matched_in_single_precision(dtype: torch.dtype, which: str) -> None:
    reference, query = maps(5, (32, 6, 9), (32, 4, 4))
    reference = reference.to(dtype) if which != "query" else reference
    query = query.to(dtype) if which != "reference" else query
    assert_same(match(reference, query), match_by_definition(reference.float(), query.float()))
    for gradient, side, expected in zip(
        gradients(match, reference, query),
        (reference, query),
        gradients(match_by_definition, reference.float(), query.float()),
        strict=True,
    ):
        assert gradient.dtype == side.dtype
        torch.testing.assert_close(gradient, expected.to(side.dtype))


def test_memory_layout_does_not_matter() -> None:
    reference, query = maps(6, (2, 8, 5, 6), (8, 3, 4))
    expected = match(reference, query)
    layouts: list[Callable[[Tensor], Tensor]] = [
        lambda t: t.transpose(-1, -2).contiguous().transpose(-1, -2),
        lambda t: t.movedim(-3, -1).contiguous().movedim(-1, -3),  # channels last
        lambda t: t.repeat_interleave(2, -1)[..., ::2],
        lambda t: torch.cat((t, t), dim=-3)[..., : t.shape[-3], :, :],
    ]
    for one, other in itertools.product(layouts, layouts):
        assert_same(match(one(reference), other(query)), expected)
    assert_same(match(reference[:1].expand(2, -1, -1, -1), query), match(reference[[0, 0]], query))


@settings(max_examples=30)
@given(exponent=st.integers(-10, 15), query_exponent=st.integers(-10, 15))
def test_only_directions_matter_however_long_the_features(
    exponent: int, query_exponent: int
) -> None:
    reference, query = maps(7, (16, 4, 5), (16, 3, 3))
    long, short = reference * 10.0**exponent, query * 10.0**query_exponent
    assert_same(match(long, short), match(reference, query))
    before, after = gradients(match, reference, query), gradients(match, long, short)
    torch.testing.assert_close(after[0] * 10.0**exponent, before[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after[1] * 10.0**query_exponent, before[1], rtol=1e-4, atol=1e-5)


@either
def test_features_shorter_than_the_smallest_norm_count_as_zero(matcher: Matcher) -> None:
    reference, query = maps(8, (16, 4, 5), (16, 3, 3))
    best = matcher(reference * 1e-20, query)
    assert not best.reference.any()
    assert not best.query.any()
    assert all(g.isfinite().all() for g in gradients(matcher, reference * 1e-20, query))


def test_a_picture_matches_itself_patch_by_patch() -> None:
    (picture,) = maps(9, (8, 5, 7))
    best = match(picture, picture)
    torch.testing.assert_close(best.reference, torch.ones(5, 7))
    assert torch.equal(best.reference_index.flatten(), torch.arange(35))
    assert torch.equal(best.query_index.flatten(), torch.arange(35))


def test_what_cannot_be_matched() -> None:
    with pytest.raises(ValueError, match="8 channels and query features 7"):
        match(torch.rand(8, 2, 2), torch.rand(7, 2, 2))
    for reference, query in (
        ((8, 0, 2), (8, 2, 2)),
        ((8, 2, 2), (8, 2, 0)),
        ((0, 8, 2, 2), (8, 2, 2)),
    ):
        with pytest.raises(ValueError, match="without patches"):
            match(torch.rand(reference), torch.rand(query))
    with pytest.raises(RuntimeError):
        match(torch.rand(2, 8, 2, 2), torch.rand(3, 8, 2, 2))
    for background in ((3, 2), (6,), (2, 2, 3)):  # as many numbers, but not of the query's patches
        with pytest.raises(RuntimeError):
            match(torch.rand(8, 2, 2), torch.rand(8, 2, 3), torch.rand(background))


class LargestTensor(TorchDispatchMode):
    """Measures the largest tensor that operations make; views of the inputs do not count."""

    def __init__(self, *inputs: Tensor) -> None:
        super().__init__()
        self.inputs = {tensor.untyped_storage().data_ptr() for tensor in inputs}
        self.numbers = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        result = func(*args, **(kwargs or {}))
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, Tensor):
                storage = part.untyped_storage()
                if storage.data_ptr() not in self.inputs:
                    self.numbers = max(self.numbers, storage.nbytes() // part.element_size())
        return result


def largest(matcher: Matcher, reference: Tensor, query: Tensor) -> int:
    with LargestTensor(reference, query) as measured:
        found = matcher(reference, query)
        if found.reference.requires_grad:
            (found.reference.sum() + found.query.sum()).backward()
    return measured.numbers


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_the_similarity_tensor_is_never_held(
    monkeypatch: pytest.MonkeyPatch, training: bool, dtype: torch.dtype
) -> None:
    channels, reference_patches, query_patches = 8, 3000, 500
    reference, query = maps(10, (channels, 1, reference_patches), (channels, query_patches, 1))
    reference, query = reference.to(dtype), query.to(dtype)
    reference.requires_grad_(training)
    monkeypatch.setattr(matching, "BLOCK_ELEMENTS", 10_000)
    whole = reference_patches * query_patches
    allowed = max(channels * reference_patches, 10_000) + 10_000
    assert largest(match_by_definition, reference.float(), query.float()) >= whole
    assert largest(match, reference, query) <= allowed < whole / 20


def test_nothing_as_large_as_the_features_is_made_beside_them() -> None:
    reference, query = maps(11, (64, 1, 90_000), (64, 4, 4))
    assert 0.8 * reference.numel() > matching.BLOCK_ELEMENTS
    assert largest(match, reference, query) <= matching.BLOCK_ELEMENTS
    channels_last = reference.movedim(0, -1).contiguous().movedim(-1, 0)
    assert largest(match, channels_last, query) <= matching.BLOCK_ELEMENTS
    assert largest(match, reference.half(), query) <= matching.BLOCK_ELEMENTS


def test_repeating_gives_the_same_bits() -> None:
    reference, query, background = maps(13, (64, 20, 30), (64, 9, 11), (9, 11))
    first, second = (match(reference, query, background) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
