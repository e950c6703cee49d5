"""`swerve evaluate`: how well a profile finds changes planted in a log, beside the plain rules."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import service
from service.commands.calibrate import encoded, model_of, numbers_of, read, saying, source_of
from service.commands.common import loaded, require_folder
from service.commands.figures import Measured, measure, topics_of
from service.commands.progress import progress_bar
from service.profiles import DEFAULT_PROFILE, load_profile
from service.reports import Figures, write_report
from service.settings import Settings


@dataclass(frozen=True)
class Asked:
    """What the operator asks for.

    Attributes:
        log: the behaviours; of users that the profile was not calibrated on.
        out: the report to write; its figures go beside it as .json.
        model: the exported model.
        profile: to be measured; None for the shipped one.
        fewest_behaviors: of a user.
        most_behaviors: of all users together.
        seed: of everything random.
    """

    log: Path
    out: Path
    model: Path
    profile: Path | None
    fewest_behaviors: int
    most_behaviors: int
    seed: int


def run(asked: Asked, settings: Settings) -> str:
    """Do it, and say what came of it in a few lines.

    Raises:
        LogError: the log cannot be used.
        TooFewUsersError: with enough behaviours.
        ProfileError: the profile cannot be used, or was made for another model.
        ModelFolderError: the model cannot be used.
        OSError: the report cannot be written.
    """
    require_folder(asked.out)
    with progress_bar() as bar, loaded(asked.model, settings) as encoder:
        info = encoder.info
        profile = load_profile(asked.profile or DEFAULT_PROFILE, space=info.space)
        gathered = read(
            asked.log, settings, bar, fewest=asked.fewest_behaviors, most=asked.most_behaviors, seed=asked.seed
        )
        population = encoded(gathered, encoder, bar)
        measured = measure(population, profile, seed=asked.seed, progress=saying(bar, "measuring"))
    figures = Figures(
        title=f"Evaluation on {asked.log.name}",
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=service.__version__,
        command=f"swerve evaluate {asked.log.name} --out {asked.out.name} --model {asked.model.name}",
        model=model_of(info),
        profile=numbers_of(profile),
        source=source_of(asked.log, gathered, {"test": len(population.streams)}),
        planted=measured.planted,
        run_lengths=measured.run_lengths,
        examples=measured.examples,
        topics=topics_of(population, profile),
        trials=(),
        notes=("Where the profile was calibrated on users of this same log, these figures flatter it.",),
    )
    write_report(figures, asked.out, asked.out.with_suffix(".json"))
    return _said(measured, asked.out)


def _said(measured: Measured, page: Path) -> str:
    lines = []
    for kind in measured.planted:
        lines.append(f"{kind.kind}: {kind.changes} planted changes; found within 20 behaviours")
        shares = sorted({row.false_alarm_share for row in kind.rows}, reverse=True)
        lines.append("    " + " " * 24 + "".join(f"{f'at {share:.0%} alarmed':>16}" for share in shares))
        for detector in dict.fromkeys(row.detector for row in kind.rows):
            found = {row.false_alarm_share: row.within_20.value or 0.0 for row in kind.rows if row.detector == detector}
            lines.append(f"    {detector:24}" + "".join(f"{found[share]:>16.0%}" for share in shares))
    return "\n".join([*lines, f"report: {page}"])
