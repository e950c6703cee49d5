"""`swerve calibrate`: a profile from an operator's own log, and a report of how good it is."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.progress import Progress

import service
from service.calibration.calibrate import FEWEST_USERS, Calibration, calibrate
from service.calibration.encode import encode
from service.calibration.gather import Gathered, gather
from service.calibration.population import Population
from service.calibration.search import usual_choice
from service.commands.common import loaded, require_folder
from service.commands.figures import Measured, measure, topics_of, trials_of
from service.commands.progress import progress_bar
from service.detection.profile import Profile
from service.encoder import Encoder, ModelInfo
from service.evaluation.streams import divide_users, unknown_share
from service.files import write_whole
from service.logs import open_log
from service.profiles import identify, save_profile, summary
from service.reports import Figures, Source, to_json, write_report
from service.settings import Settings

HELD_OUT = 0.25
"""Share of the users that only measure the finished profile."""
COMPARABLE = 0.1
"""Where the held-out users bring new texts as often as behaviours to come, give or take that share, the run length that
was measured on them is what the profile tells; else it tells the one that its threshold was chosen for."""


@dataclass(frozen=True)
class Asked:
    """What the operator asks for.

    Attributes:
        log: the behaviours.
        out: the profile to write; the report goes beside it, as .html and .json.
        model: the exported model.
        behaviors_per_false_alarm: average run length.
        fewest_behaviors: of a user.
        most_behaviors: of all users together.
        seed: of everything random.
        search: whether to choose topics and numbers by trial.
        new_texts: share of behaviours to come about texts that are not in the log; None to go by the log's end.
    """

    log: Path
    out: Path
    model: Path
    behaviors_per_false_alarm: float
    fewest_behaviors: int
    most_behaviors: int
    seed: int
    search: bool
    new_texts: float | None = None


def run(asked: Asked, settings: Settings) -> str:
    """Do it, and say what came of it in a few lines.

    Raises:
        LogError: the log cannot be used.
        TooFewUsersError: with enough behaviours.
        CalibrationError: likewise.
        ModelFolderError: the model cannot be used.
        OSError: the profile cannot be written.
    """
    require_folder(asked.out)
    with progress_bar() as bar, loaded(asked.model, settings) as encoder:
        gathered = read(
            asked.log, settings, bar, fewest=asked.fewest_behaviors, most=asked.most_behaviors, seed=asked.seed
        )
        population = encoded(gathered, encoder, bar)
        info = encoder.info
        fit, test = divide_users(population.streams, np.random.default_rng(asked.seed), 1.0 - HELD_OUT)
        said = saying(bar, "calibrating")
        own = population.narrowed(fit)
        made = calibrate(
            own,
            own.streams,
            space=info.space,
            asked=asked.behaviors_per_false_alarm,
            also=tuple(sorted({300.0, 1000.0, 3000.0, asked.behaviors_per_false_alarm})),
            seed=asked.seed,
            choice=None if asked.search else usual_choice(population),
            new_texts=gathered.new_texts if asked.new_texts is None else asked.new_texts,
            progress=said,
        )
        measured = measure(replace(population, streams=test), made.profile, seed=asked.seed, progress=said)
    held_out_new = unknown_share(test, fit)
    profile = made.profile
    if comparable(held_out_new, made.new_texts):
        profile = _with_measured(profile, measured, asked.behaviors_per_false_alarm)
    save_profile(profile, asked.out)
    figures = _figures(asked, gathered, population, profile, made, measured, info, (len(fit), len(test)), held_out_new)
    page, told = asked.out.with_suffix(".html"), asked.out.with_suffix(".json")
    write_report(figures, page)
    whole = {"profile": summary(profile), "figures": json.loads(to_json(figures))}
    write_whole(told, json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    return _said(profile, measured, asked, page)


def read(log: Path, settings: Settings, bar: Progress, *, fewest: int, most: int, seed: int) -> Gathered:
    """The log's histories, with progress."""
    task = bar.add_task("reading", total=None)
    with open_log(log, progress=lambda rows: bar.advance(task, rows)) as opened:
        bar.update(task, total=opened.rows, completed=opened.rows)
        return gather(
            opened,
            settings.behavior_weights,
            fewest_behaviors=fewest,
            most_behaviors=most,
            fewest_users=FEWEST_USERS * 2,
            seed=seed,
        )


def encoded(gathered: Gathered, encoder: Encoder, bar: Progress) -> Population:
    """The histories with their texts' vectors, with progress."""
    task = bar.add_task("encoding", total=len(gathered.texts))
    vectors = encode(encoder, gathered.texts, lambda done: bar.advance(task, done))
    return Population(gathered.texts, vectors, gathered.streams)


def saying(bar: Progress, what: str) -> Callable[[str], None]:
    """A line of progress that tells which step is under way."""
    task = bar.add_task(what, total=None)
    return lambda step: bar.update(task, description=f"{what}: {step}")


def _with_measured(profile: Profile, measured: Measured, asked: float) -> Profile:
    """The profile with the run length that was measured on users it had not seen, where there was any false alarm."""
    values = [step.measured.value for step in measured.run_lengths if step.asked == asked]
    if not values or values[0] is None:
        return profile
    return identify(replace(profile, behaviors_per_false_alarm=round(values[0], 1)))


def _figures(  # noqa: PLR0917 - called once, right above
    asked: Asked,
    gathered: Gathered,
    population: Population,
    profile: Profile,
    made: Calibration,
    measured: Measured,
    info: ModelInfo,
    users: tuple[int, int],
    held_out_new: float,
) -> Figures:
    return Figures(
        title=f"Calibration on {asked.log.name}",
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=service.__version__,
        command=f"swerve calibrate {asked.log.name} --out {asked.out.name} --model {asked.model.name} "
        f"--behaviors-per-false-alarm {asked.behaviors_per_false_alarm:g}"
        + ("" if asked.new_texts is None else f" --new-texts {asked.new_texts:g}"),
        model=model_of(info),
        profile=numbers_of(profile) | {"behaviors_per_false_alarm": asked.behaviors_per_false_alarm},
        source=source_of(asked.log, gathered, {"fit": users[0], "held out": users[1]}),
        planted=measured.planted,
        run_lengths=measured.run_lengths,
        examples=measured.examples,
        topics=topics_of(population, profile),
        trials=trials_of(profile, made.trials, made.likelihoods),
        notes=(
            "Everything here was measured on the held-out users; the profile comes from the others alone.",
            counted_on(made.new_texts, held_out_new),
        ),
    )


def comparable(held_out: float, new: float) -> bool:
    """Whether held-out users bring new texts about as often as behaviours to come."""
    return abs(held_out - new) <= COMPARABLE


def counted_on(new: float, held_out: float) -> str:
    """What the report says of new texts: their share in what is to come, and among the held-out users' behaviours."""
    told = (
        f"The threshold counts on {new:.0%} of behaviours to come being about texts that are not among those that the "
        f"profile was made of; of the held-out users' behaviours {held_out:.0%} are."
    )
    if not comparable(held_out, new):
        told += " So expect false alarms as rare as asked, not as measured here."
    return told


def model_of(info: ModelInfo) -> dict[str, str]:
    """What a report says of the encoder."""
    return {
        "id": info.id,
        "precision": info.precision,
        "digest": info.digest[:16],
        "vector space": info.space[:16],
        "dimensions": str(info.dim),
        "runs on": info.provider,
    }


def numbers_of(profile: Profile) -> dict[str, float | int | str]:
    """What a report says of a profile."""
    return {
        "id": profile.id,
        "topics": profile.topics,
        "nearest": profile.nearest,
        "temperature": profile.temperature,
        "mix": profile.mix,
        **asdict(profile.params),
        "trees": len(profile.fusion.roots) if profile.fusion else 0,
        "threshold": profile.threshold,
        "behaviors_per_false_alarm": profile.behaviors_per_false_alarm,
    }


def source_of(log: Path, gathered: Gathered, split: dict[str, int]) -> Source:
    """What a report says of the log."""
    return Source(
        log.name, gathered.users, gathered.behaviors, len(gathered.texts), gathered.first, gathered.last, split
    )


def _said(profile: Profile, measured: Measured, asked: Asked, page: Path) -> str:
    lines = [f"{asked.out}: profile {profile.id}, {profile.topics} topics, threshold {profile.threshold:g}"]
    for step in measured.run_lengths:
        if step.asked == asked.behaviors_per_false_alarm:
            low = "more than were seen" if step.measured.value is None else f"{step.measured.value:,.0f}"
            lines.append(f"behaviors per false alarm: {step.asked:,.0f} asked, {low} measured on held-out users")
    for kind in measured.planted:
        lines += [
            f"{kind.kind}: {row.within_20.value or 0:.0%} found within 20 behaviours "
            f"at {row.false_alarm_share:.0%} of users falsely alarmed"
            for row in kind.rows
            if row.detector == kind.detector
        ]
    return "\n".join([*lines, f"report: {page}"])
