import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw


def rectangles(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    """A picture with many corners, drawn four times as large so that they are smooth."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (4 * width, 4 * height), "gray")
    draw = ImageDraw.Draw(image)
    for _ in range(width * height // 300):
        x, y = random.uniform(-0.05, 1.0, 2) * image.size
        right, down = random.uniform(16, 120, 2)
        colour = tuple(random.integers(0, 256, 3).tolist())
        draw.rectangle((x, y, x + right, y + down), fill=colour)
    return np.array(image.resize((width, height), Image.Resampling.BOX))


@pytest.fixture(scope="session")
def picture() -> NDArray[np.uint8]:
    """(256, 320, 3)."""
    return rectangles(320, 256, seed=1)
