"""Which memory predicts this user now: experts, mixed by how well each foretold what came.

An expert is a way to weigh the past (the present regime, that regime by age, all of it, the earlier regimes that the
present one looks like the return of), and a way to get from it to items: to what is like it (see `kernel.py`), or to
what others took up after it (see `succession.py`). One more, `domain`, knows nothing of the user and foretells what
everybody does. What each would have foretold is known afterwards: the density of the behaviour that came, under the
expert's weights. The mixture is the fixed-share forecaster (Herbster and Warmuth, "Tracking the best expert", Machine
Learning 32, 1998):

    w_e <- w_e p_e^eta / sum,    then    w_e <- (1 - a) w_e + a c_e

with c_e the chance of each before anything is known, and p_e the density relative to the domain's prior, mixed with a
share f of "like anything", so that one odd behaviour ruins nobody. The share a that is always redistributed is what
lets the mixture follow a change of regime: no expert ever falls so low that it could not come back within some
behaviours.

A change that nobody has declared yet is the detector's to follow. With P(r) its posterior that the present run began
with behaviour r (Adams and MacKay, "Bayesian online changepoint detection", 2007) and f_j what behaviour j counts
under an expert by weight and age, an expert of the present regime counts

    m_j = sum_{r <= j} P(r) f_j / sum_{k >= r} f_k

which is the mean over runs of what each would recommend. By the probability of being in the present run alone, a few
behaviours of a run that has probably just begun would go under among the many before it. As the detector sees to
readiness, the regime's whole memory may have most of what is redistributed, which a steady interest pays less for.

Weights are learnt from behaviours on items that were new to the user, since such are to be recommended: what a user
does again and again speaks for a long memory without saying anything of what is next.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from service.compiled import compiled

Scope = Literal["all", "regime", "recall", "domain"]
Relation = Literal["likeness", "succession"]
RELATIONS: tuple[Relation, ...] = ("likeness", "succession")
Floats = NDArray[np.float64]

ETA = 1.0
"""How strongly a prediction counts."""
SHARE = 0.05
"""a, redistributed after each behaviour."""
FLOOR = 0.1
"""f, the share of "like anything"."""
NO_HALF_LIFE = np.inf


@dataclass(frozen=True, slots=True)
class Expert:
    """A way to weigh the past.

    Attributes:
        name: told to clients.
        scope: all behaviours, those of the present regime, those of earlier regimes like it, or none at all.
        half_life: behaviours after which one counts half.
        relation: by which items are near to a behaviour.
        chance: of being the one to follow, before anything is known, relative to other experts'.
    """

    name: str
    scope: Scope
    half_life: float = NO_HALF_LIFE
    relation: Relation = "likeness"
    chance: float = 1.0


EXPERTS: tuple[Expert, ...] = (
    Expert("regime", "regime", chance=8.0),
    *(Expert(f"regime_newest_{life}", "regime", life) for life in (3, 10)),
    Expert("long_term", "all"),
    Expert("returning", "recall", chance=2.0),
    Expert("others_after_newest_3", "all", 3, "succession", chance=3.0),
    Expert("domain", "domain"),
)
_SCOPES: dict[Scope, int] = {"all": 0, "regime": 1, "recall": 2, "domain": 3}
_REGIME, _RECALL, _DOMAIN = _SCOPES["regime"], _SCOPES["recall"], _SCOPES["domain"]


@dataclass(frozen=True, slots=True)
class Remembered:
    """A user's memory as the experts see it, oldest first.

    Attributes:
        densities: (R, n, n) float32, by each of `RELATIONS`, of behaviour t (row) under behaviour j (column), relative
            to the domain's prior; only j < t counts.
        weights: (n,) of the behaviours, by their types; 0 counts as none.
        positions: (n,) of each in the user's stream, ascending; in gaps are behaviours that are no longer kept.
        regimes: (n,) number of the regime that each belongs to.
        inclusion: (n,) probability that each belongs to the present regime.
        fresh: (n,) whether each was on an item that was new to the user.
    """

    densities: NDArray[np.float32]
    weights: NDArray[np.float32]
    positions: NDArray[np.int64]
    regimes: NDArray[np.int64]
    inclusion: Floats
    fresh: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Mixture:
    """What was learnt of a user.

    Attributes:
        weights: (E,) of the experts, adding up to 1.
        memory: (R, n) how much each behaviour counts for what comes next, in all, by each of `RELATIONS`; adds up to 1,
            or is all zeros where no behaviour counts.
        domain: 0 to 1, how much the domain's prior counts beside the memory: the weight of its expert and of those who
            have nothing to say, as that of returns before there was a change. 1 where there is no memory.
    """

    weights: Floats
    memory: Floats
    domain: float


def mix(
    remembered: Remembered, experts: tuple[Expert, ...] = EXPERTS, *, eta: float = ETA, share: float = SHARE
) -> Mixture:
    """Go through the memory in order of time and learn which experts to follow.

    Args:
        remembered: the memory.
        experts: to be mixed.
        eta: how strongly a prediction counts.
        share: a, redistributed after each behaviour.
    """
    learnt, memory = _mix(
        np.ascontiguousarray(remembered.densities, np.float32),
        remembered.weights.astype(np.float64),
        remembered.positions.astype(np.int64),
        remembered.regimes.astype(np.int64),
        remembered.inclusion.astype(np.float64),
        returning(remembered),
        remembered.fresh,
        np.array([_SCOPES[expert.scope] for expert in experts], np.int64),
        np.array([RELATIONS.index(expert.relation) for expert in experts], np.int64),
        np.array([0.5 ** (1.0 / expert.half_life) for expert in experts]),
        chances(experts),
        eta,
        share,
    )
    told = float(memory.sum())
    return Mixture(learnt, memory / told if told > 0.0 else memory, max(1.0 - told, 0.0))


def chances(experts: tuple[Expert, ...] = EXPERTS) -> Floats:
    """(E,) what is known of experts before anything is known of a user; adds up to 1."""
    every = np.array([expert.chance for expert in experts])
    return np.asarray(every / every.sum())


def warm_up() -> None:
    """Compile what `mix` runs, which takes seconds where it was never kept."""
    two = np.ones(2, np.float32)
    densities = np.ones((len(RELATIONS), 2, 2), np.float32)
    mix(Remembered(densities, two, np.arange(2), np.zeros(2, np.int64), two.astype(np.float64), two > 0))


def returning(remembered: Remembered) -> Floats:
    """(n,) probability that the present regime is the return of the one that each behaviour belongs to.

    Each earlier regime foretells the present one's behaviours by the kernel density of its own; the hypotheses are
    these, and that it is none of them, under which each behaviour is like anything in the catalogue (density 1). All
    are equally probable before.
    """
    out = np.zeros(len(remembered.weights))
    if not len(out):
        return out
    present = remembered.regimes == remembered.regimes[-1]
    likeness = remembered.densities[RELATIONS.index("likeness")]
    earlier = np.unique(remembered.regimes[~present])
    densities = [likeness[np.ix_(present, remembered.regimes == number)].mean(axis=1) for number in earlier]
    logs = np.array([np.log(FLOOR + (1.0 - FLOOR) * density).sum() for density in densities] + [0.0])
    probabilities = np.exp(logs - np.logaddexp.reduce(logs))
    for number, probability in zip(earlier, probabilities, strict=False):
        out[remembered.regimes == number] = probability
    return out


@compiled
def over_runs(counts: Floats, inclusion: Floats) -> Floats:
    """(n,) what behaviours count in the mean over runs, each of which counts its own behaviours and no others.

    Adds up to the probability of the runs that have something to count; of those that have not, nothing is known.

    Args:
        counts: (n,) of the behaviours, oldest first, whatever their run.
        inclusion: (n,) probability that each belongs to the present run, ascending; that of a run is the step at its
            first behaviour.

    >>> over_runs(np.ones(4), np.array([0.5, 0.5, 0.5, 1.0])).tolist()
    [0.125, 0.125, 0.125, 0.625]
    """
    masses = np.cumsum(counts[::-1])[::-1]
    out = np.zeros(len(counts))
    share = before = 0.0
    for j in range(len(counts)):
        if masses[j] > 0.0:
            share += max(inclusion[j] - before, 0.0) / masses[j]
        before = inclusion[j]
        out[j] = share * counts[j]
    return out


@compiled
def _mix(  # noqa: C901, PLR0917 - compiled: loops stay together, and take no keywords
    densities: NDArray[np.float32],
    weights: Floats,
    positions: NDArray[np.int64],
    regimes: NDArray[np.int64],
    inclusion: Floats,
    recall: Floats,
    fresh: NDArray[np.bool_],
    scopes: NDArray[np.int64],
    relations: NDArray[np.int64],
    decays: Floats,
    chances: Floats,
    eta: float,
    share: float,
) -> tuple[Floats, Floats]:
    n, count = len(weights), len(scopes)
    learnt = chances.copy()
    memory = np.zeros((len(densities), n))
    faded = np.zeros((count, n))  # what each of the behaviours before t counts under each expert, by age alone
    for t in range(1, n + 1):
        for e in range(count):
            fade = decays[e] ** (positions[t - 1] - positions[t - 2]) if t > 1 else 1.0
            for j in range(t - 1):
                faded[e, j] *= fade
            known = recall[t - 1] if scopes[e] == _RECALL else 0.0 if scopes[e] == _DOMAIN else 1.0
            faded[e, t - 1] = weights[t - 1] * known
        if t < n and fresh[t]:
            for e in range(count):
                mass = hit = 0.0
                for j in range(t):
                    if scopes[e] != _REGIME or regimes[j] == regimes[t]:
                        mass += faded[e, j]
                        hit += faded[e, j] * densities[relations[e], t, j]
                # An expert who remembers nothing foretells what everybody does.
                predicted = hit / mass if mass > 0.0 else 1.0
                learnt[e] *= (FLOOR + (1.0 - FLOOR) * predicted) ** eta
            learnt = (1.0 - share) * learnt / learnt.sum() + share * chances
    for e in range(count):
        if scopes[e] == _REGIME:
            faded[e] = over_runs(faded[e], inclusion)
        mass = faded[e].sum()
        if mass > 0.0:
            # An earlier regime that the present one is hardly the return of is hardly recalled.
            certainty = recall.max() if scopes[e] == _RECALL else 1.0
            memory[relations[e]] += learnt[e] * certainty * faded[e] / mass
    return learnt, memory
