"""Makes tests/conformance/statistics.json: what SciPy and NumPy say about the statistics of src/measure.

Where SciPy has no such function (Tango's interval, Lan-DeMets boundaries, cluster-robust agreement) the value is found by another
road than ours: numeric maximum likelihood and root finding, a multivariate normal integral, an explicit sandwich sum.

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
    """The interval is the set of centres that SciPy's exact test does not reject at the level of z: its ends by inverting the test.

    The p-value only changes where the centre passes a Walsh average, so it is asked between neighbours.
    """
    cases = []
    for size, z in [(10, 2.12), (10, 2.97), (13, 2.37), (16, 2.6), (24, 2.12), (41, 2.97), (50, 1.96)]:
        differences = rng.standard_t(3, size=size) * 0.05 + 0.02
        i, j = np.triu_indices(size)
        walsh = np.sort((differences[i] + differences[j]) / 2)
        level = 2 * stats.norm.sf(z)
        between = np.concatenate([[walsh[0] - 1], (walsh[:-1] + walsh[1:]) / 2, [walsh[-1] + 1]])
        # Only near the ends is there anything to decide.
        kept = [stats.wilcoxon(differences - centre, method="exact").pvalue > level for centre in between]
        first, last = kept.index(True), len(kept) - 1 - kept[::-1].index(True)
        cases.append(
            {
                "differences": differences.tolist(),
                "z": z,
                "estimate": float(np.median(walsh)),
                "interval": [float(walsh[first - 1]), float(walsh[last])],
            }
        )
    return cases


def tango_cases() -> list:
    """Score test with the nuisance parameter found by numeric maximum likelihood, inverted by Brent's method."""

    def score(only_a: int, only_b: int, n: int, difference: float) -> float:
        low = max(0.0, -difference)
        high = (1 - difference) / 2

        def loss(q: float) -> float:
            # q = P(only a right); P(only b right) = q + difference; the rest agrees.
            terms = [(only_a, q), (only_b, q + difference), (n - only_a - only_b, 1 - 2 * q - difference)]
            return -sum(count * np.log(max(p, 1e-300)) for count, p in terms if count)

        best = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13})
        candidates = [(loss(q), q) for q in (best.x, low, high)]
        q = min(candidates)[1]
        variance = n * (2 * q + difference - difference**2)
        return (only_b - only_a - n * difference) / np.sqrt(max(variance, 1e-300))

    cases = []
    for only_a, only_b, n, z in [(0, 0, 1000, 1.96), (9, 4, 500, 1.96), (30, 12, 2000, 2.4), (0, 7, 300, 1.96), (120, 80, 10000, 2.0), (3, 1, 10, 1.96)]:
        estimate = (only_b - only_a) / n
        margin = 1e-9
        low = optimize.brentq(lambda d: score(only_a, only_b, n, d) - z, -1 + margin, estimate - margin, xtol=1e-12)
        high = optimize.brentq(lambda d: score(only_a, only_b, n, d) + z, estimate + margin, 1 - margin, xtol=1e-12)
        cases.append({"onlyA": only_a, "onlyB": only_b, "n": n, "z": z, "interval": [low, high]})
    return cases


def spending_cases() -> list:
    """Probability that no look crosses, as a rectangle of the multivariate normal with correlation sqrt(t_i / t_j)."""
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
        cases.append({"fractions": fractions, "boundaries": boundaries})
    return cases


def cluster_cases() -> list:
    cases = []
    for sizes, rates in [((40,) * 5, (1.0, 0.95, 0.9, 0.7, 0.98)), ((10, 60, 30), (0.9, 0.8, 1.0)), ((50,) * 8, (0.97,) * 8)]:
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
        low = optimize.brentq(statistic, 1e-9, p - 1e-9)
        high = optimize.brentq(statistic, p + 1e-9, 1 - 1e-12)
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
        "tango": tango_cases(),
        "spending": spending_cases(),
        "clusters": cluster_cases(),
    }
    target = Path("tests/conformance/statistics.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
