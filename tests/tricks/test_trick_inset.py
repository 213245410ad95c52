import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from placeproof.tricks.inset import find_inset

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]
WIDTH, HEIGHT = 640, 480


def texture(width: int, height: int, seed: int) -> Pixels:
    """Soft blotches with small, sharp things on them, none of them a long straight edge."""
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 200, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(width * height // 400):
        x, y = random.uniform(0, 1, 2) * (width, height)
        r = random.uniform(2, 7)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(random.integers(0, 256, 3).tolist()))
    return np.array(image)


def everywhere(count: int = 500) -> Points:
    return np.random.default_rng(5).uniform(0, (WIDTH, HEIGHT), (count, 2)).astype(np.float32)


def inside(points: Points, frame: NDArray[np.float64]) -> NDArray[np.bool_]:
    outline = frame.astype(np.float32)
    return np.array(
        [cv2.pointPolygonTest(outline, (float(x), float(y)), False) > 0 for x, y in points]
    )


def on_screen(frame: NDArray[np.float64], rim: int) -> Pixels:
    """A picture shown in a frame, with a dark rim around it, in front of something else."""
    shown, photo = texture(400, 300, 1), texture(WIDTH, HEIGHT, 2)
    corners = np.array([[400, 300], [0, 300], [0, 0], [400, 0]], dtype=np.float32)
    way = cv2.getPerspectiveTransform(corners, frame.astype(np.float32))
    mask = cv2.warpPerspective(np.full((300, 400), 255, np.uint8), way, (WIDTH, HEIGHT))
    photo[cv2.dilate(mask, np.ones((rim, rim))) > 0] = 25
    warped = cv2.warpPerspective(shown, way, (WIDTH, HEIGHT))
    photo[mask > 0] = warped[mask > 0]
    return cv2.GaussianBlur(photo, (0, 0), 0.7)


FRAMES = [
    np.array([[480.0, 380], [150, 380], [150, 110], [480, 110]]),
    np.array([[500.0, 400], [130, 350], [160, 90], [480, 120]]),
    np.array([[470.0, 400], [100, 340], [140, 100], [520, 150]]),
]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("scale", [1, 2])
def test_the_frame_of_a_screen_is_found(frame: NDArray[np.float64], scale: int) -> None:
    photo = on_screen(frame, rim=25)
    photo = cv2.resize(photo, None, fx=scale, fy=scale)
    keypoints = everywhere()
    inliers = keypoints[inside(keypoints, frame)][:60]
    found = find_inset(photo, inliers * scale, keypoints * scale)
    assert found is not None
    np.testing.assert_allclose(found / scale, frame, atol=16)  # the rim has an outer side, too


def test_no_frame_where_matches_lie_outside_too() -> None:
    keypoints = everywhere()
    assert find_inset(on_screen(FRAMES[0], 25), keypoints[:100], keypoints) is None


def test_no_frame_where_nothing_outside_could_match() -> None:
    keypoints = everywhere()
    keypoints = keypoints[inside(keypoints, FRAMES[0])]
    assert find_inset(on_screen(FRAMES[0], 25), keypoints[:60], keypoints) is None


def test_matches_in_one_part_of_a_plain_photo_are_no_inset() -> None:
    keypoints = everywhere()
    inliers = keypoints[inside(keypoints, FRAMES[0])][:60]
    assert find_inset(texture(WIDTH, HEIGHT, 3), inliers, keypoints) is None
    assert find_inset(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), inliers, keypoints) is None


def test_a_photo_past_a_tree_a_car_and_a_dark_edge_is_no_inset() -> None:
    """Three straight borders of what matches, but no fourth."""
    image = Image.fromarray(texture(WIDTH, HEIGHT, 4))
    draw = ImageDraw.Draw(image)
    draw.polygon([(140, 0), (150, HEIGHT), (100, HEIGHT), (105, 0)], fill=(60, 40, 30))
    draw.polygon([(500, 0), (490, HEIGHT), (540, HEIGHT), (530, 0)], fill=(60, 40, 30))
    draw.rectangle((0, 400, WIDTH, HEIGHT), fill=(20, 20, 20))
    keypoints = everywhere()
    keypoints = keypoints[keypoints[:, 1] < 400]  # there are none on the dark
    frame = np.array([[480.0, 390], [160, 390], [160, 100], [480, 100]])
    inliers = keypoints[inside(keypoints, frame)][:60]
    assert find_inset(np.array(image), inliers, keypoints) is None


@pytest.mark.parametrize("part", [0, 1])
def test_half_of_a_collage(part: int) -> None:
    photo = np.concatenate((texture(WIDTH // 2, HEIGHT, 6), texture(WIDTH // 2, HEIGHT, 7)), axis=1)
    keypoints = everywhere()
    here = (keypoints[:, 0] >= WIDTH / 2) == bool(part)
    found = find_inset(photo, keypoints[here][:60], keypoints)
    assert found is not None
    left = part * WIDTH / 2
    expected = [[left + WIDTH / 2, HEIGHT], [left, HEIGHT], [left, 0], [left + WIDTH / 2, 0]]
    np.testing.assert_allclose(found, expected, atol=2)


def test_a_collages_cut_is_upright() -> None:
    """The same two pictures with a slanting border between them are no collage."""
    photo = np.concatenate((texture(WIDTH // 2, HEIGHT, 6), texture(WIDTH // 2, HEIGHT, 7)), axis=1)
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 3.0, 1.2)
    photo = cv2.warpAffine(photo, turn, (WIDTH, HEIGHT))
    keypoints = everywhere()
    inliers = keypoints[keypoints[:, 0] < WIDTH / 2 - 20][:60]
    assert find_inset(photo, inliers, keypoints) is None
