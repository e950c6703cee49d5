"""Published change detectors from river and ruptures, in the form that the comparison needs.

river's three (BSD-3-Clause) watch one number a behaviour, its cosine distance to the mean of those before. They answer
yes or no at a sensitivity of their own, so each is turned into a statistic whose threshold is that sensitivity: at t it
is the strictest sensitivity at which the detector alarms at t. Until its first alarm a detector's state does not depend
on its sensitivity. So the first time that the statistic reaches s is exactly the first alarm of the detector set to s,
and that is what counts on an untouched user. After an alarm river's detectors forget everything; of these only ADWIN's
statistic follows that, the others go on, which spares them a blind spell after a false alarm.

ruptures' kernel change-point search (BSD-2-Clause) sees the whole stream. It is no online detector but the reference
for what is there to be found.
"""

from collections.abc import Iterator

import numpy as np
import ruptures
from numpy.typing import NDArray
from river import drift
from river.base import DriftDetector

from service.evaluation.baselines import Floats, Statistic, distance_to_running_mean

ADWIN_DELTAS = np.geomspace(0.5, 1e-12, 14)
"""Loosest first. river's default is 0.002."""
KSWIN_WINDOW, KSWIN_NEWEST = 30, 10
PAGE_HINKLEY_WAIT = 10
"""Behaviours up to the first that Page-Hinkley judges."""
KERNEL_CPD_SHORTEST = 5
"""Behaviours on either side of the split."""
KERNEL_CPD_LONGEST = 2_000
"""Behaviours. The kernel matrix of so many takes 32 MB; memory and time grow with the square."""


def adwin(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """ADWIN at every delta of the ladder, checked at every behaviour rather than at each 32nd.

    A window is cut where the means of its two parts differ by more than chance allows at confidence delta. Each delta
    has a detector of its own.

    Source: Bifet and Gavaldà (2007), "Learning from Time-Changing Data with Adaptive Windowing".

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        (n,), -ln of the smallest delta that alarms, 0.7 to 27.6; minus infinity where none does.
    """
    detectors = [drift.ADWIN(delta=delta, clock=1) for delta in ADWIN_DELTAS.tolist()]  # type: ignore[no-untyped-call]
    statistic = np.full(len(vectors), -np.inf)
    for t in _watch(vectors, *detectors):
        alarming = [delta for delta, detector in zip(ADWIN_DELTAS, detectors, strict=True) if detector.drift_detected]
        if alarming:
            statistic[t] = -np.log(min(alarming))
    return statistic


def kswin(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """KSWIN: Kolmogorov-Smirnov test of the newest 10 distances against 10 drawn from the 20 before, seed fixed.

    One detector that never alarms (alpha 0) serves for every alpha: its p-value is what each compares with its own.

    Source: Raab, Heusinger and Schleif (2020), "Reactive Soft Prototype Computing for Concept Drift Streams".

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        (n,), -ln of the p-value, which takes one of ten values, 0 to 11.4; minus infinity for the first 29.
    """
    detector = drift.KSWIN(alpha=0.0, window_size=KSWIN_WINDOW, stat_size=KSWIN_NEWEST, seed=0)
    statistic = np.full(len(vectors), -np.inf)
    for t in _watch(vectors, detector):
        if t >= KSWIN_WINDOW - 1:
            statistic[t] = -np.log(detector.p_value)
    return statistic


def page_hinkley(vectors: NDArray[np.float32], _times: Floats) -> Floats:
    """Page-Hinkley: how far the summed deviation from the running mean has risen above its least, or fallen.

    One detector that never alarms serves for every threshold: the sums are what each compares with its own. river shows
    them only in private attributes.

    Source: Page (1954), "Continuous Inspection Schemes".

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        (n,), at least 0, in cosine distance times behaviours; minus infinity for the first 9.
    """
    detector = drift.PageHinkley(min_instances=PAGE_HINKLEY_WAIT, threshold=np.inf)
    statistic = np.full(len(vectors), -np.inf)
    for t in _watch(vectors, detector):
        if t >= PAGE_HINKLEY_WAIT - 1:
            risen = detector._sum_increase - detector._min_increase
            fallen = detector._max_decrease - detector._sum_decrease
            statistic[t] = max(risen, fallen)
    return statistic


PEERS: dict[str, Statistic] = {"river ADWIN": adwin, "river KSWIN": kswin, "river Page-Hinkley": page_hinkley}


def kernel_cpd(vectors: NDArray[np.float32]) -> tuple[int, float]:
    """The best single split of the whole stream, offline: by the spread within both parts, in the kernel's space.

    Kernel exp(-||a - b||^2 / median), median of the squared distances of all pairs. Of longer streams only the newest
    2,000 behaviours are searched.

    Source: Arlot, Celisse and Harchaoui (2019), "A Kernel Multiple Change-point Algorithm via Model Selection".

    Args:
        vectors: (n, dim), of unit length.

    Returns:
        The index of the first behaviour after the split, and the share of the spread that the split removes, 0 to 1.
        (0, 0.0) where the stream is too short to split, or all behaviours are the same.
    """
    newest = vectors[-KERNEL_CPD_LONGEST:]
    n = len(newest)
    if n < 2 * KERNEL_CPD_SHORTEST or (newest == newest[0]).all():  # ruptures finds a spread even among equals
        return 0, 0.0
    search = ruptures.KernelCPD(kernel="rbf", min_size=KERNEL_CPD_SHORTEST).fit(newest)
    split = int(search.predict(n_bkps=1)[0])
    error = search.cost.error
    return len(vectors) - n + split, float(1.0 - (error(0, split) + error(split, n)) / error(0, n))


def _watch(vectors: NDArray[np.float32], *detectors: DriftDetector) -> Iterator[int]:
    """Show the detectors one distance after the other, and yield its index after each."""
    for t, distance in enumerate(distance_to_running_mean(vectors).tolist()):
        for detector in detectors:
            detector.update(distance)
        yield t
