import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from placeproof.errors import TrainingError
from placeproof.training.distributed import Processes
from placeproof.training.examples import Batch, Input, Pair


def picture(name: str) -> Input:
    def load() -> None:
        raise AssertionError("not looked at")

    return Input(name, (32, 32), wraps=False, load=load)  # type: ignore[arg-type]


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=1),
    st.integers(1, 4),
)
def test_shares_are_the_batch_and_a_querys_pairs_stay_together(
    compared: list[tuple[int, int, bool]], world: int
) -> None:
    assume(len({query for query, _, _ in compared}) >= world)
    batch = Batch(
        tuple(picture(f"q{i}") for i in range(6)),
        tuple(picture(f"r{i}") for i in range(6)),
        tuple(Pair(*each) for each in compared),
    )

    def names(part: Batch) -> list[tuple[str, str, bool]]:
        return [
            (part.queries[p.query].key, part.references[p.reference].key, p.same)
            for p in part.pairs
        ]

    shares = [Processes(rank, world).share(batch) for rank in range(world)]
    assert sorted(name for share in shares for name in names(share)) == sorted(names(batch))
    asked = [{name for name, _, _ in names(share)} for share in shares]
    assert sum(map(len, asked)) == len(set.union(*asked))
    assert max(map(len, asked)) - min(map(len, asked)) <= 1
    if world > 1:  # no picture that nothing is compared with
        for share in shares:
            assert {pair.query for pair in share.pairs} == set(range(len(share.queries)))
            assert {pair.reference for pair in share.pairs} == set(range(len(share.references)))


def test_a_batch_that_is_too_small_for_all_is_refused() -> None:
    batch = Batch(
        (picture("q"),), (picture("a"), picture("b")), (Pair(0, 0, True), Pair(0, 1, False))
    )
    for rank in (0, 1):
        with pytest.raises(TrainingError, match="1 queries cannot be shared by 2 processes"):
            Processes(rank, 2).share(batch)
    assert Processes().share(batch) is batch


def test_alone_there_is_nobody_to_ask() -> None:
    alone = Processes()
    assert alone.first
    assert alone.any(True)
    assert not alone.any(False)
    assert alone.gather(3) == [3]
    assert alone.from_first("x") == "x"
    assert alone.part([1, 2, 3]) == [1, 2, 3]
