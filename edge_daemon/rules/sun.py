"""Sunrise and sunset."""

from datetime import UTC, date, datetime, timedelta
from math import acos, asin, cos, degrees, radians, sin

HORIZON = -0.833
"""Elevation of the sun's centre at sunrise, in degrees: refraction, and half of its disc."""
J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


def sun_times(day: date, latitude: float, longitude: float) -> tuple[datetime, datetime] | None:
    """Sunrise and sunset of a day, within two minutes; None if the sun does not rise or set.

    The sunrise equation, after the approximations of the Astronomical Almanac.
    """
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(days=longitude / 360)
    days = (noon - J2000) / timedelta(days=1)
    anomaly = radians((357.5291 + 0.98560028 * days) % 360)
    centre = 1.9148 * sin(anomaly) + 0.02 * sin(2 * anomaly) + 0.0003 * sin(3 * anomaly)
    ecliptic = anomaly + radians(centre + 180 + 102.9372)
    transit = noon + timedelta(days=0.0053 * sin(anomaly) - 0.0069 * sin(2 * ecliptic))
    declination = asin(sin(ecliptic) * sin(radians(23.44)))
    north = radians(latitude)
    angle = (sin(radians(HORIZON)) - sin(north) * sin(declination)) / (cos(north) * cos(declination))
    if not -1 < angle < 1:
        return None
    half = timedelta(days=degrees(acos(angle)) / 360)
    return transit - half, transit + half
