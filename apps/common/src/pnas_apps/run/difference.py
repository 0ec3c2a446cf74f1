"""How much better one net is than others, and how sure that is."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev

import numpy as np
from attrs import frozen

CONFIDENCE = 0.95
_ROUNDING = 1e-12
"""Of equal values: a share of any number of images differs from another one by more."""


@frozen(kw_only=True)
class Difference:
    """A mean difference with its interval of 95%.

    Attributes:
        mean: of the one net, less that of the others.
        standard_error: of the mean.
        low, high: ends of the interval.
    """

    mean: float
    standard_error: float
    low: float
    high: float

    @property
    def is_shown(self) -> bool:
        """Whether the interval excludes 0."""
        return self.low > 0 or self.high < 0


def difference(one: Sequence[float], random: Sequence[Sequence[float]]) -> Difference | None:
    """The mean of one net less that of all random nets, of which some were drawn.

    Net i with seed s has y_is = mu_i + b_s + e_is: mu_i is normal around mu over the random nets, b_s what a seed adds
    to all nets alike, e_is the noise of a training. The difference of interest is mu_0 - mu, which D = mean_s y_0s -
    mean_is y_is estimates. The seeds of the one net are its own noise, however many random nets there are, so that nets
    times seeds are no independent samples: over N nets and S seeds,

        Var D = Var(e) / S + (Var(mu_i) + Var(e) / S) / N,   estimated as   E / S + A / (N S)

    E is the mean square of what nets and seeds leave (of all N + 1 nets, N (S - 1) degrees of freedom), A that of the
    random nets' means (S times their variance, N - 1 degrees). b_s cancels. The two have different degrees of freedom,
    so that no one Student's t is exact; with one for each, the interval

        D +- sqrt(t(N (S - 1))^2 E / S + t(N - 1)^2 A / (N S)),   t(k): Student's, of k degrees, at 97.5%

    covers the truth in at least 95% of all cases (Banerjee 1961), in 95 to 97% from five nets on. (Satterthwaite's
    degrees of freedom would do in 89% with two nets.)

    With one seed the noise cannot be told from the difference among nets: A takes the place of E, and t(N - 1) that of
    t(N (S - 1)). It is no smaller on average, and the interval covers the truth in 95% or more. Nothing here makes up
    for looking again with more nets as long as the interval does not exclude 0.

    Args:
        one: of the net, a value a seed.
        random: of each random net, a value a seed, the same seeds.

    References:
        Banerjee, On confidence interval for two-means problem based on separate estimates of variances and tabulated
        values of t-table, Sankhya A 23, 1961.

    Returns:
        The difference; None for fewer than two random nets, which say nothing of how much such nets differ, and where
        all values are the same.

    Raises:
        ValueError: for nets with another number of seeds.
    """
    from scipy.stats import t  # heavy

    values = np.array([one, *random], dtype=np.float64)
    nets, seeds = len(values) - 1, len(one)
    if nets < 2:
        return None
    means = values.mean(axis=1)
    among = seeds * float(means[1:].var(ddof=1))
    left = values - means[:, None] - values.mean(axis=0) + values.mean()
    of_noise, noise_freedom = (
        (float((left**2).sum()) / (nets * (seeds - 1)), nets * (seeds - 1)) if seeds > 1 else (among, nets - 1)
    )
    parts = ((of_noise / seeds, noise_freedom), (among / (nets * seeds), nets - 1))
    error = sqrt(sum(part for part, _ in parts))
    if error < _ROUNDING:
        return None
    mean = float(means[0] - means[1:].mean())
    reach = sqrt(sum(float(t.ppf((1 + CONFIDENCE) / 2, freedom)) ** 2 * part for part, freedom in parts))
    return Difference(mean=mean, standard_error=error, low=mean - reach, high=mean + reach)


def paired_difference(pairs: Sequence[tuple[float, float]]) -> Difference | None:
    """The mean of the first values less the second ones, of pairs that are independent of one another.

    Its interval is that of Student's t with one degree of freedom fewer than there are pairs.

    Args:
        pairs: of values, such as those of two nets that were trained and judged alike.

    Returns:
        The difference; None for fewer than two pairs, and where all differences are the same.
    """
    from scipy.stats import t  # heavy

    values = [one - other for one, other in pairs]
    if len(values) < 2 or (error := stdev(values) / sqrt(len(values))) < _ROUNDING:
        return None
    mean, reach = fmean(values), float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return Difference(mean=mean, standard_error=error, low=mean - reach, high=mean + reach)
