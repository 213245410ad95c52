import numpy as np
import pytest

from placeproof.scene.textures import Atlas, noise, tileable_noise


def numbers(count: int, value: float) -> np.ndarray:
    return np.full(count, value, dtype=np.float32)


@pytest.fixture(scope="module")
def ramp() -> Atlas:
    """One texture, 64 x 32, red growing to the right and green growing upwards."""
    picture = np.full((32, 64, 4), 255, dtype=np.uint8)
    picture[:, :, 0] = np.arange(64) * 4
    picture[:, :, 1] = np.arange(31, -1, -1)[:, None] * 8
    atlas = Atlas()
    atlas.add(np.zeros((5, 3, 4), dtype=np.uint8))
    atlas.add(picture)
    atlas.close()
    return atlas


@pytest.mark.parametrize("level", [0, 1, 2])
def test_samples_lie_on_the_ramp(ramp: Atlas, level: int) -> None:
    u = np.linspace(0.2, 0.8, 50, dtype=np.float32)
    v = np.linspace(0.8, 0.2, 50, dtype=np.float32)
    sample = ramp.sample(np.ones(50, dtype=np.int32), u, v, numbers(50, level))
    np.testing.assert_allclose(sample[0], (u * 64 - 0.5) * 4 / 255, atol=0.01)
    np.testing.assert_allclose(sample[1], (v * 32 - 0.5) * 8 / 255, atol=0.01)
    np.testing.assert_allclose(sample[3], 1, atol=1e-5)


def test_textures_repeat(ramp: Atlas) -> None:
    u, v = np.random.default_rng(0).random((2, 100), dtype=np.float32)
    index, level = np.ones(100, dtype=np.int32), numbers(100, 0)
    once = ramp.sample(index, u, v, level)
    np.testing.assert_allclose(ramp.sample(index, u + 2, v - 3, level), once, atol=2e-3)


def test_the_coarsest_level_is_the_mean(ramp: Atlas) -> None:
    sample = ramp.sample(
        np.ones(1, dtype=np.int32), numbers(1, 0.3), numbers(1, 0.9), numbers(1, 9)
    )
    np.testing.assert_allclose(sample[:2, 0], [31.5 * 4 / 255, 15.5 * 8 / 255], atol=0.02)


def test_noise_has_its_shape_and_scale() -> None:
    field = noise(np.random.default_rng(1), (100, 300), (20, 60), 3)
    assert field.shape == (100, 300)
    assert field.std() == pytest.approx(1, abs=1e-3)


def test_tileable_noise_joins_its_opposite_edge() -> None:
    field = tileable_noise(np.random.default_rng(2), 128, 8, 2)
    across = np.abs(field[:, 0] - field[:, -1]).mean()
    inside = np.abs(np.diff(field, axis=1)).mean()
    assert across < 2 * inside
