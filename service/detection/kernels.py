"""The inner loops of the Bayesian detector, compiled: `bayes`, `evidence` and `fusion` say what they compute.

Behaviours and runs are newest first. `judge` takes many behaviours in at once: between two of them nothing but these
loops runs, so that a behaviour costs what its arithmetic costs.
"""

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled
from service.detection.topics import WHOLE

Log = NDArray[np.float64]
WINDOWS = (5, 10, 15, 20)
"""Behaviours of the windows of `evidence`."""
FIGURES = ("surprise", "familiar", "coherence", "overlap", "focus", "unusual", "unusual_deviations", "below_least")
"""Of a window at one granularity."""
STRETCHES = ("most", *WINDOWS)
"""Of the newest behaviours, for their novelty: that which shows most, and those of the windows."""
LAG = 25
"""How many behaviours ago a window must have ended to count as the user's past."""
STRETCH = 30
"""The most newest behaviours that are asked whether they come back to what was known before them."""
PACE = 60
"""Behaviours before those that tell how often this user comes back."""
KNOWN = 0.5
"""Older behaviours, as they have faded, from which on a topic is known."""
SELDOM, OFTEN = 0.03, 0.95
"""How often a new interest comes back to what was known before it, and the most that a user is taken to."""
CLIP = 3.0
"""A log-ratio counts at most that much, in nats."""
NOTHING_TO_JUDGE = -20.0
"""The log-odds before there is a question."""
SMALLEST = 1e-300
"""Of a probability: less is rounding."""


@compiled
def predictive(  # noqa: PLR0917 - compiled functions take no keywords
    topics: NDArray[np.uint16],
    shares: NDArray[np.uint16],
    kept_topics: NDArray[np.uint16],
    kept_shares: NDArray[np.uint16],
    weights: NDArray[np.float32],
    older: NDArray[np.float32],
    older_total: float,
    background: NDArray[np.float32],
    alpha: float,
    forget: float,
    epsilon: float,
    tempering: float,
) -> tuple[Log, float]:
    """See `bayes.predictive`."""
    n, m = kept_topics.shape
    q = np.zeros(len(background))
    base = older_count = 0.0
    for j in range(m):
        share = shares[j] / WHOLE
        q[topics[j]] = share
        base += background[topics[j]] * share
        older_count += older[topics[j]] * share
    out = np.empty(n + 1)
    count, total, fade = 0.0, 0.0, 1.0
    for i in range(n + 1):
        if i < n:
            dot = 0.0
            for j in range(m):
                dot += q[kept_topics[i, j]] * kept_shares[i, j]
            count += fade * weights[i] * dot / WHOLE
            total += fade * weights[i]
            fade *= forget
        else:
            count += fade * older_count
            total += fade * older_total
        ratio = (alpha * base + count) / ((alpha + total) * base)
        if tempering != 1.0:
            ratio = np.exp(tempering * np.log(ratio))
        out[i] = np.log((1.0 - epsilon) * ratio + epsilon)
    return out[:n], float(out[n])


@compiled
def reweigh(  # noqa: PLR0917 - compiled functions take no keywords
    ratios: Log,
    ratio_older: float,
    log_run: NDArray[np.float32],
    log_older: float,
    hazard: float,
    memory: int,
    young: int,
) -> tuple[NDArray[np.float32], float, bool, float, float]:
    """The posterior of the runs after a behaviour, in storage precision.

    Beside it: whether the oldest kept run has joined the older ones; the log-odds that the run is one of the `young`
    shortest; and how probable the behaviour was, as a log-ratio to the background.
    """
    n = len(log_run)
    survive = np.log1p(-hazard)
    logs = np.empty(n + 1)
    logs[0] = np.log(hazard) if n else 0.0
    for i in range(n):
        logs[i + 1] = log_run[i] + ratios[i] + survive
    older = log_older + ratio_older + survive
    spilled = n + 1 > memory
    if spilled:
        n -= 1
        most = max(older, logs[n + 1])
        older = most + np.log(np.exp(older - most) + np.exp(logs[n + 1] - most))
    most = older
    for i in range(n + 1):
        most = max(most, logs[i])
    recent, before = 0.0, np.exp(older - most)
    for i in range(n + 1):
        if i < young:
            recent += np.exp(logs[i] - most)
        else:
            before += np.exp(logs[i] - most)
    whole = recent + before
    total = most + np.log(whole)
    odds = NOTHING_TO_JUDGE
    if young:
        odds = np.log(recent / whole + SMALLEST) - np.log(before / whole + SMALLEST)
    out = np.empty(n + 1, np.float32)
    for i in range(n + 1):
        out[i] = logs[i] - total
    return out, float(np.float32(older - total)), spilled, odds, total


@compiled
def spill(  # noqa: PLR0917 - compiled functions take no keywords
    older: NDArray[np.float32],
    older_total: float,
    topics: NDArray[np.uint16],
    shares: NDArray[np.uint16],
    weight: float,
    forget: float,
) -> tuple[NDArray[np.float32], float]:
    """The counts of the older behaviours, and their sum, with one more among them."""
    counts = older * np.float32(forget)
    for j in range(len(topics)):
        counts[topics[j]] += shares[j] * weight / WHOLE
    return counts, float(np.float32(older_total * forget + weight))


@compiled
def fill_figures(  # noqa: PLR0917 - compiled functions take no keywords
    topics: NDArray[np.uint16],
    shares: NDArray[np.uint16],
    weights: NDArray[np.float32],
    older: NDArray[np.float32],
    background: NDArray[np.float32],
    groups: NDArray[np.uint16],
    group_background: NDArray[np.float32],
    alpha: float,
    age: int,
    log_odds: float,
    recent: NDArray[np.float32],
    recent_after: NDArray[np.float32],
    past: NDArray[np.float32],
    out: NDArray[np.float64],
) -> None:
    """Both granularities' figures into `out`, the surprises into `recent_after` and `past`."""
    (n, m), half = topics.shape, len(WINDOWS)
    counts, grouped = older.astype(np.float64), np.zeros(len(group_background))
    age_at = 2 * half * len(FIGURES)
    out[age_at] = np.log(age)
    out[age_at + 1] = log_odds
    own = topics[:, 0]
    novelty(own, weights, counts, out[age_at + 2 :])
    for k in range(len(counts)):
        grouped[groups[k]] += counts[k]
    novelty(groups[own], weights, grouped, out[age_at + 2 + len(STRETCHES) :])
    grouped[:] = 0.0
    total = counts.sum()
    for i in range(n):
        scale = weights[i] / WHOLE
        for j in range(m):
            counts[topics[i, j]] += scale * shares[i, j]
        total += weights[i]
    for k in range(len(counts)):
        grouped[groups[k]] += counts[k]
    newest = min(WINDOWS[-1], n)
    coarse = np.empty((newest, m), np.uint16)
    for i in range(newest):
        for j in range(m):
            coarse[i, j] = groups[topics[i, j]]
    windows(topics[:newest], shares, weights, counts, total, background, alpha, age, recent, recent_after, past, 0, out)
    windows(
        coarse, shares, weights, grouped, total, group_background, alpha, age, recent, recent_after, past, half,
        out[half * len(FIGURES) :],
    )  # fmt: skip


@compiled
def novelty(own: NDArray[np.uint16], weights: NDArray[np.float32], older: Log, out: Log) -> None:
    """The novelty of `STRETCHES` of behaviours (n,) by their topics and weights, newest first, into `out`.

    `older` has the counts of what came before them.
    """
    n = len(own)
    last = np.full(len(older), -1)
    for i in range(n):
        if weights[i] > 0.0:
            last[own[i]] = i
    span = min(n, STRETCH + PACE)
    reach = np.empty(span, np.int64)  # the oldest behaviour on the same topic
    came_back, all_before = np.zeros(span + 1), np.zeros(span + 1)  # of the first behaviours of the span, sums
    for i in range(span):
        reach[i] = n if older[own[i]] >= KNOWN else last[own[i]]
        came_back[i + 1] = came_back[i] + weights[i] * (reach[i] > i)
        all_before[i + 1] = all_before[i] + weights[i]
    out[: len(STRETCHES)] = 0.0
    for size in range(1, min(STRETCH, n - 1) + 1):
        back = 0.0
        for i in range(size):
            back += weights[i] * (reach[i] >= size)
        until = min(size + PACE, span)
        usual = (came_back[until] - came_back[size] + 1.0) / (all_before[until] - all_before[size] + 2.0)
        usual = min(max(usual, SELDOM), OFTEN)
        new = all_before[size] - back
        shown = new * np.log((1.0 - SELDOM) / (1.0 - usual)) - back * np.log(usual / SELDOM)
        out[0] = max(out[0], shown)
        for at, window in enumerate(WINDOWS):
            if size == window:
                out[1 + at] = shown


@compiled
def windows(  # noqa: PLR0917 - one pass; compiled functions take no keywords
    topics: NDArray[np.uint16],
    shares: NDArray[np.uint16],
    weights: NDArray[np.float32],
    before: NDArray[np.float64],
    total: float,
    prior: NDArray[np.float32],
    alpha: float,
    age: int,
    recent: NDArray[np.float32],
    recent_after: NDArray[np.float32],
    past: NDArray[np.float32],
    column: int,
    out: NDArray[np.float64],
) -> None:
    """The figures of all windows at one granularity, into `out`; the surprises into `recent_after` and `past`.

    `before` and `total` are the counts of all behaviours and their sum; the windows' are taken out of them.
    """
    n, m = topics.shape
    window, bases, owns = np.zeros(len(prior)), np.zeros(n), np.zeros(n)
    parts = np.empty((n, m))
    lengths = 0.0
    for k in range(len(before)):
        lengths += before[k] * before[k]
    taken, weight = 0, 0.0
    for at, size in enumerate(WINDOWS):
        while taken < min(size, n):
            for j in range(m):
                k, share = topics[taken, j], shares[taken, j] / WHOLE
                parts[taken, j] = share
                bases[taken] += prior[k] * share
                owns[taken] += share * share * weights[taken]
                count = weights[taken] * share
                left = max(before[k] - count, 0.0)
                lengths += left * left - before[k] * before[k]
                before[k] = left
                window[k] += count
            total = max(total - weights[taken], 0.0)
            weight += weights[taken]
            taken += 1
        surprise = familiar = coherence = dot = squares = 0.0
        for i in range(taken):
            old = new = 0.0
            for j in range(m):
                old += before[topics[i, j]] * parts[i, j]
                new += window[topics[i, j]] * parts[i, j]
            base = bases[i]
            there = np.log((alpha * base + old) / ((alpha + total) * base))
            here = np.log((alpha * base + max(new - owns[i], 0.0)) / ((alpha + weight - weights[i]) * base))
            surprise += weights[i] * min(max(there, -CLIP), CLIP)
            familiar += weights[i] * (there > 0.0)
            coherence += weights[i] * min(max(here, -CLIP), CLIP)
            dot += weights[i] * old
            squares += weights[i] * new
        scale = 1.0 / max(weight, 1e-9)
        surprise *= scale
        series = column + at
        recent_after[0, series] = surprise
        for i in range(1, len(recent_after)):
            recent_after[i, series] = recent[i - 1, series]
        if age > LAG + 10 + size and len(recent) >= LAG:
            _add(past[series], recent[LAG - 1, series])
        first = at * len(FIGURES)
        out[first] = surprise
        out[first + 1] = familiar * scale
        out[first + 2] = coherence * scale
        out[first + 3] = dot / np.sqrt(max(lengths, 1e-9) * max(squares, 1e-9))
        out[first + 4] = squares * scale * scale
        count, mean, deviations, least = past[series]
        known = count > 0
        out[first + 5] = surprise - mean if known else 0.0
        out[first + 6] = (surprise - mean) / np.sqrt((deviations + 0.3) / (count + 1.0)) if known else 0.0
        out[first + 7] = surprise - least if known else 0.0


@compiled
def _add(past: NDArray[np.float32], value: float) -> None:
    """One more value into count, mean, squared deviations (Welford, 1962) and least."""
    past[3] = value if past[0] == 0 else min(past[3], value)
    past[0] += 1
    away = value - past[1]
    past[1] += away / past[0]
    past[2] += away * (value - past[1])


@compiled
def verdicts(  # noqa: PLR0917 - compiled functions take no keywords
    figures: Log,
    feature: NDArray[np.int16],
    threshold: Log,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: Log,
    roots: NDArray[np.int32],
) -> Log:
    """The sums (n,) of the leaves that the figures (n, features) lead to."""
    out = np.empty(len(figures))
    for row in range(len(figures)):
        out[row] = verdict(figures[row], feature, threshold, left, right, value, roots)
    return out


@compiled
def verdict(  # noqa: PLR0917 - compiled functions take no keywords
    figures: Log,
    feature: NDArray[np.int16],
    threshold: Log,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: Log,
    roots: NDArray[np.int32],
) -> float:
    """The sum of the leaves that one behaviour's figures lead to."""
    total = 0.0
    for root in roots:
        node = root
        while feature[node] >= 0:
            node = left[node] if figures[feature[node]] <= threshold[node] else right[node]
        total += value[node]
    return total


@compiled
def judge(  # noqa: PLR0917 - one loop; compiled functions take no keywords
    new_topics: NDArray[np.uint16],
    new_shares: NDArray[np.uint16],
    new_weights: Log,
    kept_topics: NDArray[np.uint16],
    kept_shares: NDArray[np.uint16],
    kept_weights: NDArray[np.float32],
    older: NDArray[np.float32],
    older_total: float,
    log_run: NDArray[np.float32],
    log_older: float,
    age: int,
    since: int,
    surprises: NDArray[np.float32],
    past: NDArray[np.float32],
    background: NDArray[np.float32],
    groups: NDArray[np.uint16],
    group_background: NDArray[np.float32],
    alpha: float,
    hazard: float,
    beta: float,
    forget: float,
    epsilon: float,
    recent: int,
    memory: int,
    feature: NDArray[np.int16],
    threshold: Log,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    value: Log,
    roots: NDArray[np.int32],
    scale: float,
    offset: float,
    alarm: float,
    quiet: int,
    figures: Log,
    log_odds: Log,
) -> tuple[
    int,
    NDArray[np.uint16],
    NDArray[np.uint16],
    NDArray[np.float32],
    NDArray[np.float32],
    float,
    NDArray[np.float32],
    float,
    NDArray[np.float32],
    NDArray[np.float32],
    float,
]:
    """Take behaviours (n, m), oldest first, in up to the first, after the `quiet` first, whose log-odds exceed `alarm`.

    The state is `BayesState` by its fields, then `EvidenceState`; the numbers are those of the profile, `BayesParams`
    and `Fusion`. Without roots the log-odds are those of `bayes` alone. `figures` (n, len(FEATURES)) and `log_odds`
    (n,) are filled; where `figures` has no rows, no evidence is taken in.

    Returns how many were taken in; the state after them in the same order, without `age` and `since`, which count
    them; and the log-likelihood of the behaviours relative to the background's, in nats.
    """
    n, kept, m = len(new_topics), len(kept_topics), kept_topics.shape[1]
    topics, shares = np.empty((n + kept, m), np.uint16), np.empty((n + kept, m), np.uint16)
    weights = np.empty(n + kept, np.float32)
    topics[n:], shares[n:], weights[n:] = kept_topics, kept_shares, kept_weights
    past, likelihood, taken = past.copy(), 0.0, 0
    while taken < n:
        new, weight = n - 1 - taken, new_weights[taken]  # those that came before begin at new + 1
        old = new + 1 + len(log_run)
        topics[new], shares[new], weights[new] = new_topics[taken], new_shares[taken], weight
        ratios, ratio_older = np.empty(0), 0.0
        if age:
            ratios, ratio_older = predictive(
                topics[new], shares[new], topics[new + 1 : old], shares[new + 1 : old], weights[new + 1 : old],
                older, older_total, background, alpha, forget, epsilon, beta * min(weight, 1.0),
            )  # fmt: skip
        since = since + 1 if age else 0
        log_run, log_older, spilled, odds, evidence = reweigh(
            ratios, ratio_older, log_run, log_older, hazard, memory, min(recent, since)
        )
        likelihood += evidence
        if spilled:
            older, older_total = spill(
                older, older_total, topics[old - 1], shares[old - 1], float(weights[old - 1]), forget
            )
        age += 1
        if len(figures):
            end, after = new + len(log_run), np.empty((min(len(surprises) + 1, LAG), len(past)), np.float32)
            fill_figures(
                topics[new:end], shares[new:end], weights[new:end], older, background, groups, group_background, alpha,
                age, odds, surprises, after, past, figures[taken],
            )  # fmt: skip
            surprises = after
        if len(roots):
            odds = scale * verdict(figures[taken], feature, threshold, left, right, value, roots) + offset
        log_odds[taken] = odds
        taken += 1
        if taken > quiet and odds > alarm:
            break
    start, end = n - taken, n - taken + len(log_run)
    return (
        taken, topics[start:end].copy(), shares[start:end].copy(), weights[start:end].copy(), older, older_total,
        log_run, log_older, surprises, past, likelihood,
    )  # fmt: skip
