"""Makes tests/conformance/statistics.json: what SciPy and NumPy say about the statistics of src/measure.

Where SciPy has no such function (Tango's interval, Lan-DeMets boundaries, the confidence sequence, cluster-robust agreement, CUSUM)
the value is found by another road than ours: numeric maximum likelihood and root finding, a multivariate normal integral, an explicit
sandwich sum, the definition itself.

Run from the repository root: python tools/conformance/statistics.py
Needs numpy and scipy.
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy import optimize, stats

rng = np.random.default_rng(11)


def normal_cases() -> list:
    return [{"x": float(x), "cdf": float(stats.norm.cdf(x))} for x in np.linspace(-6, 6, 25)]


def quantile_cases() -> list:
    cases = []
    for size in (1, 2, 5, 10, 33):
        values = rng.normal(size=size)
        for p in (0.0, 0.1, 0.25, 0.5, 0.9, 1.0):
            cases.append({"values": values.tolist(), "p": p, "quantile": float(np.quantile(values, p))})
    return cases


def signed_rank_cases() -> list:
    """The interval is the set of centres that SciPy's exact test does not reject at the level of z: its ends by inverting the test."""
    cases = []
    for size, z in [(10, 2.12), (10, 2.97), (13, 2.37), (16, 2.6), (24, 2.12), (41, 2.97), (50, 1.96)]:
        differences = rng.standard_t(3, size=size) * 0.05 + 0.02
        i, j = np.triu_indices(size)
        walsh = (differences[i] + differences[j]) / 2
        cases.append(
            {
                "differences": differences.tolist(),
                "z": z,
                "estimate": float(np.median(walsh)),
                "interval": not_rejected(differences, z, method="exact"),
            }
        )
    return cases


def not_rejected(differences: np.ndarray, z: float, **how) -> list:
    """Smallest and largest Walsh average around the centres that SciPy's signed-rank test does not reject at the level of z.

    Its p-value changes only where the centre passes a Walsh average and falls on both sides of the middle, so both ends are bisected.
    """
    i, j = np.triu_indices(len(differences))
    walsh = np.unique((differences[i] + differences[j]) / 2)
    between = np.concatenate([[walsh[0] - 1], (walsh[:-1] + walsh[1:]) / 2, [walsh[-1] + 1]])
    level = 2 * stats.norm.sf(z)

    def is_kept(index: int) -> bool:
        return stats.wilcoxon(differences - between[index], **how).pvalue > level

    middle = int(np.searchsorted(between, np.median((differences[i] + differences[j]) / 2)))
    # With few different values the median is a Walsh average itself, and either neighbour may be rejected.
    middle = next(index for index in (middle, middle - 1, middle + 1) if is_kept(index))

    def last_kept(outside: int) -> int:
        inside = middle
        while abs(outside - inside) > 1:
            half = (inside + outside) // 2
            inside, outside = (half, outside) if is_kept(half) else (inside, half)
        return inside

    return [float(walsh[last_kept(0) - 1]), float(walsh[last_kept(len(between) - 1)])]


def asymptotic_cases() -> list:
    """Beyond the size to which ours is exact: the normal approximation with continuity correction, with ties and without."""
    own = np.random.default_rng(12)
    cases = []
    for size, z, step in [(257, 1.96, None), (300, 2.12, None), (401, 2.97, None), (300, 1.96, 0.01), (360, 2.37, 0.02), (280, 2.12, 0.05)]:
        differences = own.standard_t(3, size=size) * 0.05 + 0.01
        if step:
            # A power-of-two grid keeps the averages exact.
            grid = 2.0 ** np.round(np.log2(step))
            differences = np.round(differences / grid) * grid
        interval = not_rejected(differences, z, method="asymptotic", correction=True)
        cases.append({"differences": differences.tolist(), "z": z, "isTied": bool(step), "interval": interval})
    return cases


def walsh_cases() -> list:
    own = np.random.default_rng(14)
    cases = []
    for size, z in [(300, 2.12), (333, 1.96)]:
        differences = own.normal(size=size)
        i, j = np.triu_indices(size)
        walsh = np.sort((differences[i] + differences[j]) / 2)
        cases.append({"differences": differences.tolist(), "z": z, "median": float(np.median(walsh)), "ends": [float(walsh[0]), float(walsh[-1])]})
    return cases


def confidence_sequence_cases() -> list:
    """The definition |sum(d - theta)| <= sqrt((V + r) ln((V + r) / (r 0.05^2))), V = sum((d - theta)^2), walked from the mean to its root."""
    own = np.random.default_rng(15)
    r = 20 * 0.04**2
    cases = []
    for size, spread, shift in [(1, 0.05, 0), (7, 0.01, 0), (8, 0.001, 0.01), (9, 0.01, 0), (10, 0.05, 0.3), (20, 0.03, -0.05), (83, 0.095, 0.05), (256, 0.05, 0), (256, 0.5, 2), (2000, 0.06, 0.01)]:
        differences = own.normal(size=size) * spread + shift

        def excess(theta: float) -> float:
            v = np.sum((differences - theta) ** 2)
            return np.abs(np.sum(differences - theta)) - np.sqrt((v + r) * np.log((v + r) / (r * 0.05**2)))

        mean = differences.mean()
        interval = []
        for side in (-1, 1):
            # The first crossing on either side: far out, where a single theta explains everything, the condition holds again.
            steps = mean + side * np.geomspace(1e-5, 1e3, 20_000)
            crossed = next((index for index, theta in enumerate(steps) if excess(theta) > 0), None)
            if crossed is not None:
                interval.append(optimize.brentq(excess, steps[crossed - 1], steps[crossed], xtol=1e-15, rtol=1e-14))
        cases.append({"differences": differences.tolist(), "interval": interval if len(interval) == 2 else None})
    return cases


def ecdf_cases() -> list:
    own = np.random.default_rng(16)
    cases = []
    for values in (own.normal(size=1), own.normal(size=40), np.round(own.normal(size=60) * 2) / 4 + 0.0, np.full(5, 3.5)):
        cdf = stats.ecdf(values).cdf
        cases.append({"values": values.tolist(), "quantiles": cdf.quantiles.tolist(), "probabilities": cdf.probabilities.tolist()})
    return cases


def cusum_cases() -> list:
    own = np.random.default_rng(17)
    cases = []
    for size, allowance in [(12, 0.05), (60, 0.02), (60, 0)]:
        values = own.normal(size=size) * 0.05 + np.where(np.arange(size) < size / 2, 0, 0.04)
        sums = np.zeros(size)
        for index, value in enumerate(values):
            sums[index] = max(0.0, (sums[index - 1] if index else 0.0) + value - allowance)
        cases.append({"values": values.tolist(), "allowance": allowance, "sums": sums.tolist()})
    return cases


def wilson_cases() -> list:
    """SciPy takes a confidence level: that of z."""
    cases = []
    for hits, n, z in [(0, 10, 1.96), (10, 10, 1.96), (3, 17, 1.96), (950, 1000, 2.12), (1, 10_000, 2.97)]:
        found = stats.binomtest(hits, n).proportion_ci(1 - 2 * stats.norm.sf(z), method="wilson")
        cases.append({"p": hits / n, "n": n, "z": z, "interval": [float(found.low), float(found.high)]})
    for p, n in [(0.93, 41.7), (0.5, 3.3)]:
        # SciPy wants whole numbers: the p0 whose score statistic is z.
        statistic = lambda p0: abs(p - p0) / np.sqrt(p0 * (1 - p0) / n) - 1.96  # noqa: E731
        low = optimize.brentq(statistic, 1e-12, p - 1e-12, xtol=1e-15)
        high = optimize.brentq(statistic, p + 1e-12, 1 - 1e-15, xtol=1e-15)
        cases.append({"p": p, "n": n, "z": 1.96, "interval": [low, high]})
    return cases


def student_cases() -> list:
    return [
        {"degrees": degrees, "inside": inside, "t": float(stats.t.ppf((1 + inside) / 2, degrees))}
        for degrees in (1, 2, 3, 4, 7, 30, 31, 100, 999)
        for inside in (0.5, 0.95, 0.99)
    ]


def tango_cases() -> list:
    """Score test with the nuisance parameter found by numeric maximum likelihood, inverted by Brent's method."""

    def score(only_a: int, only_b: int, n: int, difference: float) -> float:
        low = max(0.0, -difference)
        high = (1 - difference) / 2

        def slope(q: float) -> float:
            return 2 * (n - only_a - only_b) / (1 - 2 * q - difference) - only_a / q - only_b / (q + difference)

        # The loss is convex; a minimum of it is only known to the root of the precision, a zero of its slope to all digits.
        inner = np.nextafter(low, 1) + 1e-15, high - 1e-15
        if slope(inner[0]) >= 0:
            q = low
        elif slope(inner[1]) <= 0:
            q = high
        else:
            q = optimize.brentq(slope, *inner, xtol=1e-18, rtol=1e-15)
        variance = n * (2 * q + difference - difference**2)
        return (only_b - only_a - n * difference) / np.sqrt(max(variance, 1e-300))

    cases = []
    for only_a, only_b, n, z in [(0, 0, 1000, 1.96), (9, 4, 500, 1.96), (30, 12, 2000, 2.4), (0, 7, 300, 1.96), (120, 80, 10000, 2.0), (3, 1, 10, 1.96)]:
        estimate = (only_b - only_a) / n
        margin = 1e-9
        low = optimize.brentq(lambda d: score(only_a, only_b, n, d) - z, -1 + margin, estimate - margin, xtol=1e-15)
        high = optimize.brentq(lambda d: score(only_a, only_b, n, d) + z, estimate + margin, 1 - margin, xtol=1e-15)
        cases.append({"onlyA": only_a, "onlyB": only_b, "n": n, "z": z, "interval": [low, high]})
    return cases


def spending_exactly(fractions: list) -> list:
    """The density of paths that have not crossed, on 400 Gauss-Legendre nodes of NumPy: converged to 1e-12."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    boundaries: list = []
    points, mass, before = np.zeros(1), np.ones(1), 0.0
    for time in fractions:
        sd = np.sqrt(time - before)
        spent = 0.05 * (time**1.5 - before**1.5)

        def excess(z: float) -> float:
            limit = z * np.sqrt(time)
            return mass @ (stats.norm.sf((limit - points) / sd) + stats.norm.sf((limit + points) / sd)) - spent

        z = optimize.brentq(excess, 1, 7, xtol=1e-14)
        limit = z * np.sqrt(time)
        new = nodes * limit
        mass = weights * limit * (stats.norm.pdf((new[:, None] - points) / sd) / sd @ mass)
        points, before = new, time
        boundaries.append(float(z))
    return boundaries


def spending_cases() -> list:
    """Probability that no look crosses, as a rectangle of the multivariate normal with correlation sqrt(t_i / t_j).

    That integrator is randomised and good to about 1e-4 of z here; the second road is deterministic.
    """
    cases = []
    for fractions in [[0.16, 0.22, 0.31, 0.45, 0.67, 1], [0.05, 0.125, 0.3, 1], [0.25, 0.625, 1], [1]]:
        boundaries = []
        for count in range(1, len(fractions) + 1):
            times = np.array(fractions[:count])
            correlation = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
            spent = 0.05 * times[-1] ** 1.5

            def excess(z: float) -> float:
                upper = np.array([*boundaries, z])
                # The integrator is randomised: fixed by its seed.
                inside = stats.multivariate_normal.cdf(
                    upper, cov=correlation, lower_limit=-upper, maxpts=400_000, abseps=1e-7, rng=np.random.default_rng(0)
                )
                return (1 - inside) - spent

            boundaries.append(optimize.brentq(excess, 1, 6, xtol=1e-5))
        cases.append({"fractions": fractions, "boundaries": spending_exactly(fractions), "byIntegral": boundaries})
    return cases


def cluster_cases() -> list:
    cases = []
    for sizes, rates in [((40,) * 5, (1.0, 0.95, 0.9, 0.7, 0.98)), ((10, 60, 30), (0.9, 0.8, 1.0)), ((50,) * 8, (0.97,) * 8), ((12,) * 45, (0.9,) * 45)]:
        clusters = np.repeat(np.arange(len(sizes)), sizes)
        agrees = rng.random(len(clusters)) < np.repeat(rates, sizes)
        p, n, count = agrees.mean(), len(agrees), len(sizes)
        # Sandwich: residuals summed within each cluster.
        scores = np.array([(agrees[clusters == k] - p).sum() for k in range(count)])
        variance = count / (count - 1) * (scores**2).sum() / n**2
        worth = p * (1 - p) / variance * (1.96 / stats.t.ppf(0.975, count - 1)) ** 2
        effective = min(n, worth)
        # Wilson: the p0 whose score statistic is 1.96.
        statistic = lambda p0: abs(p - p0) / np.sqrt(p0 * (1 - p0) / effective) - 1.96  # noqa: E731
        low = optimize.brentq(statistic, 1e-9, p - 1e-9, xtol=1e-15)
        high = optimize.brentq(statistic, p + 1e-9, 1 - 1e-12, xtol=1e-15)
        cases.append(
            {
                "agrees": agrees.astype(int).tolist(),
                "clusters": clusters.tolist(),
                "agreement": float(p),
                "effectiveN": float(effective),
                "interval": [low, high],
            }
        )
    return cases


def main() -> None:
    document = {
        "command": "python tools/conformance/statistics.py",
        "versions": {"scipy": scipy.__version__, "numpy": np.__version__},
        "normal": normal_cases(),
        "quantiles": quantile_cases(),
        "signedRank": signed_rank_cases(),
        "asymptotic": asymptotic_cases(),
        "walsh": walsh_cases(),
        "confidenceSequence": confidence_sequence_cases(),
        "ecdf": ecdf_cases(),
        "cusum": cusum_cases(),
        "wilson": wilson_cases(),
        "student": student_cases(),
        "tango": tango_cases(),
        "spending": spending_cases(),
        "clusters": cluster_cases(),
    }
    target = Path("tests/conformance/statistics.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
