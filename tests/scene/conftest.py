import pytest

from placeproof.scene.street import Street


@pytest.fixture(scope="session")
def street() -> Street:
    """Any street; with seed 3, there are trees on both sides."""
    return Street(3)
