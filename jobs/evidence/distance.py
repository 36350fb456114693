"""How far two places are from each other. Pure."""

import math


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The distance of two points (longitude, latitude; degrees) on a sphere, within 0.5 % (haversine)."""
    (west, south), (east, north) = ((math.radians(value) for value in point) for point in (one, other))
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(min(1.0, math.sqrt(half)))
