"""Confidence intervals: of a rate of successes (Wilson), and of a rate of events in time (Garwood)."""

from audioconv.arrays import number, whole
from audioconv.errors import ArgumentError


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Compute the Wilson score interval: a confidence interval of a rate, of 95 % by default.

    Parameters
    ----------
    successes, trials : int
        Trials that went well, and all of them.
    z : float
        Width in standard deviations; 1.96 is 95 %.

    Returns
    -------
    low, high : float in [0, 1]

    Raises
    ------
    ArgumentError
        If there were no trials, or fewer than went well.

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).

    Examples
    --------
    >>> [round(limit, 3) for limit in wilson_interval(9, 10)]
    [0.596, 0.982]
    """
    successes, trials = whole(successes, "successes", 0), whole(trials, "trials")
    if successes > trials:
        raise ArgumentError(f"successes must be at most trials, not {successes} of {trials}")
    rate, scale = successes / trials, 1 + z * z / trials
    middle = (rate + z * z / (2 * trials)) / scale
    half = z / scale * (rate * (1 - rate) / trials + z * z / (4 * trials * trials)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def poisson_interval(count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Compute the exact (Garwood) interval of the mean of a Poisson distribution, of which one count is known.

    The limits are quantiles of the chi-squared distribution, halved: of 2 count and of 2 count + 2 degrees of freedom,
    which are those of the gamma distribution that are asked for here.

    Parameters
    ----------
    count : int
        Of events.
    confidence : float in (0, 1)

    Returns
    -------
    low, high : float
        The interval holds the mean with at least this confidence, whatever the mean is.

    Raises
    ------
    ArgumentError
        If count is negative or no whole number, or confidence lies outside its range.

    References
    ----------
    Garwood, Fiducial limits for the Poisson distribution, Biometrika 28 (1936).

    Examples
    --------
    >>> [round(limit, 2) for limit in poisson_interval(10)]
    [4.8, 18.39]
    >>> [round(limit, 2) for limit in poisson_interval(0)]
    [0.0, 3.69]
    """
    from scipy.special import gammaincinv

    count, outside = whole(count, "count", 0), 1 - number(confidence, "confidence", above=0, below=1)
    low = float(gammaincinv(count, outside / 2)) if count else 0.0
    return low, float(gammaincinv(count + 1, 1 - outside / 2))
