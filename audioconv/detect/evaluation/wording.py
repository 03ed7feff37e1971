"""Figures as they are written in findings and on pages: with a space that never breaks between number and unit."""

from audioconv.detect.calibration import FalseAlarmRate

NBSP = "\u00a0"


def percent(share: float, digits: int = 1) -> str:
    """A share, such as 93.1 %."""
    return f"{100 * share:.{digits}f}{NBSP}%"


def percent_range(interval: tuple[float, float]) -> str:
    """An interval of a share, such as 91.0 to 94.9 %."""
    return f"{100 * interval[0]:.1f} to {percent(interval[1])}".replace(" ", NBSP)


def figure(value: float) -> str:
    """A number to about three digits, never with an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 0.001 or not value else "0.00"


def rate_range(rate: FalseAlarmRate) -> str:
    """The interval of a rate of false alarms, an hour."""
    return f"{_rough(rate.low)} to {_rough(rate.high)}".replace(" ", NBSP)


def _rough(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def hours(seconds: float) -> str:
    """A duration, such as 1.50 h or 14.6 minutes."""
    return f"{seconds / 3600:.2f}{NBSP}h" if seconds >= 3600 else f"{seconds / 60:.1f}{NBSP}minutes"
