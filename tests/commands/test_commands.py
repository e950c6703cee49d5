"""calibrate, evaluate and replay as an operator runs them: the real command, the real model, files in and out."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from service.calibration.encode import encode
from service.commands import calibrate as command
from service.detection.detector import Observation, fold
from service.detection.rules import Rule
from service.encoder import OnnxEncoder
from service.logs import DECISION_COLUMNS
from service.profiles import load_profile
from service.resources import detector_params
from service.settings import DEFAULT_BEHAVIOR_WEIGHTS, Settings

USERS, LENGTH = 48, 60
START = datetime(2026, 1, 1, 9, tzinfo=UTC)


def swerve(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "service", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # on a busy machine, two threads mostly wait for one another
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def rows(themes: dict[str, list[str]]) -> pl.DataFrame:
    """48 users with two themes each; the last one changes to two others after 40 behaviours."""
    rng = np.random.default_rng(0)
    names = sorted(themes)
    table = []
    for user in range(USERS):
        mine = rng.permutation(names)
        for at in range(LENGTH):
            some = mine[2:4] if user == USERS - 1 and at >= 40 else mine[:2]
            theme = str(rng.choice(some))
            table.append(
                {
                    "user_id": f"u{user}",
                    "occurred_at": (START + timedelta(hours=at)).isoformat(),
                    "text": str(rng.choice(themes[theme])),
                    "type": str(rng.choice(["view", "click", "purchase"])),
                    "category": theme,
                    "event_id": f"e{user}-{at}",
                }
            )
    return pl.DataFrame(table).sort("occurred_at", maintain_order=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, rows: pl.DataFrame) -> Path:
    folder = tmp_path_factory.mktemp("log")
    rows.write_csv(folder / "log.csv")
    rows.with_columns(pl.col("occurred_at").str.to_datetime(time_zone="UTC")).write_parquet(folder / "log.parquet")
    return folder


@pytest.fixture(scope="module")
def profile(folder: Path, model_dir: Path) -> Path:
    """Made by the command under test, once for all tests here."""
    out = folder / "mine.safetensors"
    done = swerve(
        "calibrate",
        folder / "log.csv",
        "--out",
        out,
        "--model",
        model_dir,
        "--behaviors-per-false-alarm",
        "100",
        "--no-search",
    )
    assert "100 asked" in done.stdout
    assert "found within 20 behaviours" in done.stdout
    return out


def test_calibrate_writes_a_profile_and_its_report(profile: Path) -> None:
    told = json.loads(profile.with_suffix(".json").read_text("utf-8"))
    assert told["profile"]["labels"]
    assert [trial["chosen"] for trial in told["figures"]["trials"]].count(True) == 1
    kinds = told["figures"]["planted"]
    assert len(kinds) == 2
    detectors = {row["detector"] for row in kinds[0]["rows"]}
    assert {"Swerve", "window cosine 10", "moving averages", "normalized delta"} <= detectors
    page = profile.with_suffix(".html").read_text("utf-8")
    assert "<svg" in page
    assert "mine.safetensors" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )


def test_the_share_of_new_texts_is_read_off_the_log_or_given(
    profile: Path, folder: Path, rows: pl.DataFrame, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the calibration counts on: of the latest tenth, behaviours about texts that had not come up before."""
    latest = rows["occurred_at"].str.to_datetime().dt.epoch().to_numpy()
    late = latest >= np.quantile(latest, 0.9, method="higher")
    known = set(rows.filter(pl.Series(~late))["text"])
    share = np.mean([text not in known for text in rows.filter(pl.Series(late))["text"]])
    (note,) = [note for note in json.loads(profile.with_suffix(".json").read_text("utf-8"))["figures"]["notes"]
               if "counts on" in note]  # fmt: skip
    assert f"counts on {share:.0%} of behaviours" in note
    counted_on = list[float | None]()

    def stop(*_args: object, new_texts: float | None, **_kwargs: object) -> None:
        counted_on.append(new_texts)
        raise InterruptedError

    monkeypatch.setattr(command, "calibrate", stop)
    asked = command.Asked(folder / "log.csv", folder / "no.safetensors", model_dir, 100.0, 20, 10_000, 0, search=False)
    for given, expected in ((None, share), (1.0, 1.0), (0.0, 0.0)):
        with pytest.raises(InterruptedError):
            command.run(replace(asked, new_texts=given), Settings(force_cpu=True))
        assert counted_on.pop() == pytest.approx(expected)


def test_where_the_held_out_do_not_say_what_is_to_come_the_profile_tells_what_was_asked() -> None:
    """Nearly all the same texts in both, and all new ones to come."""
    assert command.comparable(0.97, 1.0)
    assert not command.comparable(0.02, 1.0)
    assert "as rare as asked, not as measured here" in command.counted_on(1.0, 0.02)
    assert "as rare" not in command.counted_on(0.05, 0.02)


@pytest.mark.parametrize("share", ["nan", "1.5", "-0.1"])
def test_a_share_that_is_none_is_refused(share: str, folder: Path, tmp_path: Path) -> None:
    done = swerve("calibrate", folder / "log.csv", "--out", tmp_path / "p.safetensors", "--new-texts", share, code=2)
    assert "--new-texts" in done.stderr


def test_replay_equals_the_detector_behaviour_by_behaviour(
    profile: Path, folder: Path, rows: pl.DataFrame, model_dir: Path
) -> None:
    out = folder / "decisions.parquet"
    swerve("replay", folder / "log.csv", "--out", out, "--model", model_dir, "--profile", profile)
    decisions = pl.read_parquet(out)
    assert decisions.columns == list(DECISION_COLUMNS)
    assert decisions.height == rows.height
    encoder = OnnxEncoder.load(model_dir)
    params = detector_params(Settings(), encoder.info.dim, load_profile(profile, space=encoder.info.space))
    for user in ("u0", f"u{USERS - 1}"):
        mine, told = rows.filter(user_id=user), decisions.filter(user_id=user)
        vectors = encode(encoder, mine["text"].to_list())
        observations = [
            Observation(vector, DEFAULT_BEHAVIOR_WEIGHTS[kind], datetime.fromisoformat(time).timestamp())
            for vector, kind, time in zip(vectors, mine["type"], mine["occurred_at"], strict=True)
        ]
        _, results = fold(params, params.empty(), observations, Rule())
        assert told["event_id"].to_list() == mine["event_id"].to_list()
        assert told["position"].to_list() == list(range(LENGTH))
        np.testing.assert_allclose(told["log_odds"], [r.log_odds for r in results], atol=1e-4)  # type: ignore[arg-type]
        np.testing.assert_allclose(told["window"], [r.scores.window for r in results], atol=1e-5)
        assert told["mutated"].to_list() == [r.change is not None for r in results]
        assert told["changed_position"].to_list() == [r.change.began if r.change else None for r in results]
    encoder.close()


def test_replay_finds_the_one_change_there_is(profile: Path, folder: Path, model_dir: Path) -> None:
    out = folder / "decisions.csv"
    done = swerve("replay", folder / "log.parquet", "--out", out, "--model", model_dir, "--profile", profile)
    decisions = pl.read_csv(out)
    (change,) = decisions.filter(user_id=f"u{USERS - 1}", mutated=True).to_dicts()
    assert 40 <= change["position"] < 60
    assert abs(change["changed_position"] - 40) <= 3
    assert f"{USERS * LENGTH:,} behaviours of {USERS} users" in done.stdout


def test_a_distance_rule_needs_no_profile_of_the_model(folder: Path, model_dir: Path) -> None:
    out = folder / "window.csv"
    swerve(
        "replay", folder / "log.csv", "--out", out, "--model", model_dir, "--detector", "window", "--threshold", "0.5"
    )
    decisions = pl.read_csv(out)
    fired = decisions.filter(pl.col("mutated"))
    assert fired.height > 0
    assert fired["window"].min() > 0.5  # type: ignore[operator]


def test_evaluate_reports_beside_the_plain_rules(profile: Path, folder: Path, model_dir: Path) -> None:
    out = folder / "evaluation.html"
    done = swerve("evaluate", folder / "log.csv", "--out", out, "--model", model_dir, "--profile", profile)
    assert "window cosine 20" in done.stdout
    told = json.loads(out.with_suffix(".json").read_text("utf-8"))
    found = {
        row["detector"]: row["within_20"]["value"]
        for row in told["planted"][0]["rows"]
        if row["false_alarm_share"] == 0.05
    }
    assert found["Swerve"] > found["normalized delta"]


def test_a_profile_for_another_model_is_refused(folder: Path, profile: Path, tmp_path: Path, model_dir: Path) -> None:
    import safetensors.numpy as st  # noqa: PLC0415

    arrays = st.load_file(profile)
    told = json.loads(profile.with_suffix(".json").read_text("utf-8"))["profile"] | {"space": "0" * 64}
    other = tmp_path / "other.safetensors"
    st.save_file(arrays, other, {"profile": json.dumps(told)})
    done = swerve(
        "replay", folder / "log.csv", "--out", tmp_path / "d.csv", "--model", model_dir, "--profile", other, code=2
    )
    assert "was made for the vector space 000000000000" in done.stderr
    assert not (tmp_path / "d.csv").exists()


LINE = "u,2026-01-01T00:00:00+00:00,running shoes\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user_id,occurred_at\nu,2026-01-01T00:00:00Z\n", "text"),
        ("user_id,occurred_at,text\n" + LINE + "u,2026-01-02T00:00:00,hats\n", "row 2"),
        ("user_id,occurred_at,text\n" + LINE + "u,2025-01-02T00:00:00Z,hats\n", "row 2"),
        ("user_id,occurred_at,text,type\nu,2026-01-01T00:00:00Z,hats,stare\n", "SWERVE_BEHAVIOR_WEIGHTS"),
    ],
)
def test_a_bad_log_is_one_line_that_names_the_row(text: str, said: str, tmp_path: Path, model_dir: Path) -> None:
    log = tmp_path / "bad.csv"
    log.write_text(text, encoding="utf-8")
    done = swerve("replay", log, "--out", tmp_path / "out.csv", "--model", model_dir, code=2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("swerve: ")]
    assert "bad.csv" in line
    assert said in line
    assert not (tmp_path / "out.csv").exists()


def test_too_short_histories_are_refused_with_their_number(tmp_path: Path, model_dir: Path) -> None:
    log = tmp_path / "short.csv"
    log.write_text("user_id,occurred_at,text\n" + LINE * 5, encoding="utf-8")
    done = swerve("calibrate", log, "--out", tmp_path / "p.safetensors", "--model", model_dir, code=2)
    assert "0 of 1 users have 20 behaviours or more, 40 are needed" in done.stderr


def test_a_folder_that_is_not_there_is_said_before_the_work(folder: Path, model_dir: Path, tmp_path: Path) -> None:
    done = swerve(
        "calibrate", folder / "log.csv", "--out", tmp_path / "no" / "p.safetensors", "--model", model_dir, code=2
    )
    assert "is not a folder" in done.stderr
