from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from placeproof.location import Location
from placeproof.training.manifest import Row
from placeproof.training.mining import mine_look_alikes

METRE = 1 / 111_195  # degrees of latitude


def row(number: int, place: str | None = None, metres: float | None = None) -> Row:
    location = None if metres is None else Location(50 + metres * METRE, 7)
    name = f"{number:02}"
    return Row(
        Path(f"/q{name}"), location, Path(f"/p{name}"), location, place or name, "train", None
    )


def query(path: Path) -> Tensor:
    """Patches that all look along the first axis."""
    return torch.tensor([1.0, 0.0])[:, None, None].expand(2, 3, 4) * (1 + int(path.name[1:]))


def panorama(path: Path) -> Tensor:
    """The lower the number, the more its one telling patch looks like the query's."""
    angle = torch.tensor(0.1 * int(path.name[1:]))
    features = torch.tensor([0.0, 1.0])[:, None, None].repeat(1, 4, 8)
    features[:, 2, 5] = torch.stack((angle.cos(), angle.sin()))
    return features


def numbers(paths: tuple[Path, ...]) -> list[int]:
    return [int(path.name[1:]) for path in paths]


def test_the_most_similar_panoramas_of_other_places_come_first() -> None:
    rows = [row(n, "same" if n in (0, 1) else None) for n in range(8)]
    found = mine_look_alikes(rows, query, panorama, keep=3, candidates=100, seed=0)
    assert set(found) == {r.query for r in rows}
    assert numbers(found[Path("/q00")]) == [2, 3, 4]  # not its own, nor its place's
    assert numbers(found[Path("/q05")]) == [0, 1, 2]


def test_none_is_near_or_called_the_same_place() -> None:
    rows = [row(0, "a", 0), row(1, "b", 50), row(2, "c", 70), row(3, "a", 500), row(4, "d", 90)]
    rows.append(replace(rows[0], panorama=rows[4].panorama, panorama_location=None))
    found = mine_look_alikes(rows, query, panorama, keep=9, candidates=100, seed=0)
    assert numbers(found[Path("/q00")]) == [2]


def test_candidates_are_drawn_by_the_seed_and_not_by_the_rows_order() -> None:
    rows = [row(n) for n in range(20)]
    found = [
        mine_look_alikes(some, query, panorama, keep=2, candidates=4, seed=seed)
        for some, seed in ((rows, 0), (rows[::-1], 0), (rows, 1))
    ]
    assert found[0] == found[1] != found[2]
    assert all(len(paths) == 2 for paths in found[0].values())
    assert len(set(found[0].values())) > 10


def test_it_compares_no_more_than_it_must() -> None:
    asked: list[Path] = []

    def counted(path: Path) -> Tensor:
        asked.append(path)
        return panorama(path)

    steps: list[tuple[int, int]] = []
    rows = [row(n) for n in range(6)]
    rows.append(replace(rows[0], panorama=Path("/p09"), place="00"))  # a query in two rows
    mine_look_alikes(
        rows,
        query,
        counted,
        keep=1,
        candidates=3,
        seed=0,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert len(asked) == 6 * 3
    assert steps == [(n, 6) for n in range(1, 7)]


def test_nothing_else_may_show_another_place() -> None:
    found = mine_look_alikes([row(0)], query, panorama, keep=1, candidates=3, seed=0)
    assert found == {Path("/q00"): ()}
    with pytest.raises(ValueError, match="nothing is kept"):
        mine_look_alikes([row(0)], query, panorama, keep=0, candidates=3, seed=0)
