"""When a street is visited: season, light, weather, and the camera's whims."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from placeproof.scene.model import Floats, Vector


class Season(StrEnum):
    """Time of the year; in winter there is snow and no leaf."""

    SPRING = "spring"
    SUMMER = "summer"
    AUTUMN = "autumn"
    WINTER = "winter"


class Light(StrEnum):
    """Time of the day, or overcast."""

    NOON = "noon"
    MORNING = "morning"
    EVENING = "evening"
    OVERCAST = "overcast"
    DUSK = "dusk"


@dataclass(frozen=True, slots=True)
class Visit:
    """One moment in a street. Two visits with different seeds find different cars there.

    Attributes:
        season: Time of the year.
        light: Time of the day.
        seed: Decides on cars, clouds, lit windows, exposure, white balance and noise.
    """

    season: Season
    light: Light
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Preset:
    elevation: float
    azimuth: float
    sun: Vector
    zenith: Vector
    horizon: Vector
    clouds: float
    lit: float
    exposure: float


_PRESETS: dict[Light, _Preset] = {
    Light.NOON: _Preset(
        52, 180, (2.3, 2.1, 1.85), (0.2, 0.4, 0.85), (0.65, 0.78, 0.95), 0.4, 0.0, 0.85
    ),
    Light.MORNING: _Preset(
        24, 105, (2.2, 1.75, 1.2), (0.25, 0.42, 0.8), (0.85, 0.8, 0.75), 0.3, 0.05, 1.0
    ),
    Light.EVENING: _Preset(
        13, 275, (2.1, 1.2, 0.6), (0.22, 0.32, 0.65), (1.0, 0.72, 0.5), 0.45, 0.15, 1.15
    ),
    Light.OVERCAST: _Preset(
        50, 180, (0, 0, 0), (0.8, 0.85, 0.92), (0.88, 0.9, 0.93), 0.9, 0.1, 1.25
    ),
    Light.DUSK: _Preset(1, 290, (0, 0, 0), (0.07, 0.1, 0.24), (0.42, 0.3, 0.32), 0.5, 0.55, 2.2),
}


@dataclass(frozen=True, slots=True, eq=False)
class Daylight:
    """Light as the renderer needs it; colours are linear RGB.

    Attributes:
        sun_direction: (3,) towards the sun, in the world.
        sun: Colour of its light, (3,); black where the sky is overcast or the sun has set.
        zenith: Colour of the sky above, (3,).
        horizon: Colour of the sky at the horizon, (3,).
        clouds: Share of the sky that clouds cover, in [0, 1].
        cloud_shift: Where the clouds are.
        lit: Share of windows that are lit, in [0, 1].
        gain: Exposure and white balance, (3,).
        snow: Share of level ground that snow covers, in [0, 1].
        leaf_tint: Colour that multiplies leaves, (3,).
    """

    sun_direction: Floats
    sun: Floats
    zenith: Floats
    horizon: Floats
    clouds: float
    cloud_shift: tuple[float, float]
    lit: float
    gain: Floats
    snow: float
    leaf_tint: Floats


_LEAF_TINTS: dict[Season, Vector] = {
    Season.SPRING: (0.95, 1.0, 0.65),
    Season.SUMMER: (0.72, 0.74, 0.68),
    Season.AUTUMN: (2.0, 0.95, 0.4),
    Season.WINTER: (1.0, 1.0, 1.0),
}


def daylight(visit: Visit) -> Daylight:
    """The light of a visit: a pure function of it."""
    rng = np.random.default_rng([visit.seed, 2])
    preset = _PRESETS[visit.light]
    winter = visit.season is Season.WINTER
    elevation = math.radians(preset.elevation * (0.55 if winter else 1.0) + rng.uniform(-4, 4))
    azimuth = math.radians(preset.azimuth + rng.uniform(-15, 15))
    level = math.cos(elevation)
    direction = (level * math.sin(azimuth), level * math.cos(azimuth), math.sin(elevation))
    balance = np.exp(rng.normal(0.0, 0.04, 3)) * math.exp(rng.normal(0.0, 0.1))
    x, y = rng.uniform(0, 1, 2).tolist()
    return Daylight(
        sun_direction=np.array(direction, dtype=np.float32),
        sun=np.array(preset.sun, dtype=np.float32),
        zenith=np.array(preset.zenith, dtype=np.float32),
        horizon=np.array(preset.horizon, dtype=np.float32),
        clouds=preset.clouds,
        cloud_shift=(x, y),
        lit=preset.lit,
        gain=(preset.exposure * (0.8 if winter else 1.0) * balance).astype(np.float32),
        snow=float(rng.uniform(0.75, 1.0)) if winter else 0.0,
        leaf_tint=np.array(_LEAF_TINTS[visit.season], dtype=np.float32),
    )
