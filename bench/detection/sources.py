"""The four sources: real histories, and users made up from real texts.

Files are those that their publishers offer, at a path that the caller gives; nothing of them is kept here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.detection.made_up import made_up
from bench.household.data import FUEL, NO_CATEGORY, NO_PRODUCT, tables
from bench.household.words import describe
from service.evaluation.streams import Stream, divide_users

MOST_TEST = 600
"""Test households, of half of them all: the slowest peers would take hours for more."""
SHORTEST = 20
"""Behaviours of the shortest history that is used."""


@dataclass(frozen=True)
class Source:
    """Histories over distinct texts.

    Attributes:
        texts: the texts.
        fit: users that a profile is fitted to.
        test: other users, whom nothing was done to.
        planted: changes that were planted when the users were made up; without them, they are planted in `test`.
        new_texts: the share of the test users' behaviours about texts that are not among the fit users', where it is
            known from how they were made.
    """

    texts: list[str]
    fit: list[Stream]
    test: list[Stream]
    planted: dict[str, list[Stream]]
    new_texts: float | None = None


def topics_planted(data: Path, seed: int) -> Source:
    """Made-up users with two to six of 300 subjects of posts each, and a tenth of anything else.

    Users of the fit draw from one half of the titles, those of the test from the other.
    """
    rng = np.random.default_rng(seed)
    texts, pools = topic_pools(data, rng)
    fit = [made_up(rng, pools[0], f"fit {n}", length=150) for n in range(800)]
    test = [made_up(rng, pools[1], f"test {n}", length=100) for n in range(1000)]
    changing = [
        made_up(rng, pools[1], f"changing {n}", length=100, change=int(rng.integers(30, 61))) for n in range(800)
    ]
    return Source(texts, fit, test, {"other subjects from one behaviour on": changing}, new_texts=1.0)


def topic_pools(data: Path, rng: np.random.Generator) -> tuple[list[str], list[list[NDArray[np.int64]]]]:
    """Titles, and of either half of them at random, those of each subject, as rows."""
    frame = pl.read_csv(data / "topic_titles.csv")
    texts, items = _distinct(frame["text"].to_list())
    subjects, of = np.unique(frame["topic"].to_numpy(), return_inverse=True)
    half = rng.random(len(items)) < 0.5
    return texts, [[items[side & (of == k)] for k in range(len(subjects))] for side in (half, ~half)]


def movietweetings(data: Path, seed: int) -> Source:
    """Ratings of films in their genuine order. A film's category is the first genre that it is filed under."""
    frame = in_order(data / "movietweetings.csv")
    return _real(frame, frame["category"].str.split("|").list.first(), seed)


def cofacts(data: Path, seed: int) -> Source:
    """Rumours that people asked about, in Chinese, with the category that each was filed under, if any."""
    frame = in_order(data / "cofacts_zh.csv")
    return _real(frame, frame["category"], seed)


def completejourney(_data: Path, seed: int) -> Source:
    """A year of groceries by 2,469 households; a product's category is the retailer's."""
    source = divided(*households(), seed)
    return replace(source, test=source.test[:MOST_TEST])


def households() -> tuple[list[str], list[Stream]]:
    """Every household's purchases, in order, one for each product of a basket."""
    frame = purchases()
    return _streams(frame, frame["known"])


def purchases() -> pl.DataFrame:
    """Every household's purchases, in order, as `user_id`, `occurred_at`, `text` and `known`, the category."""
    transactions, products = tables()
    columns = ["household_id", "transaction_timestamp", "basket_id", "product_id"]
    names = ["product_id", "department", "product_category", "product_type"]
    lines = transactions[columns].merge(products[names], on="product_id", how="left")
    lines = lines.drop_duplicates(["basket_id", "product_id"]).sort_values(columns, kind="stable")
    frame = pl.DataFrame({name: lines[name].astype(object).where(lines[name].notna(), "") for name in names[1:]})
    frame = frame.with_columns(
        pl.Series("user_id", lines["household_id"].astype(str).tolist()),
        pl.Series("occurred_at", lines["transaction_timestamp"].astype("int64").to_numpy()),
        known=pl.when(pl.col("product_category") == NO_CATEGORY).then(pl.lit("")).otherwise(pl.col("product_category")),
    ).filter(
        pl.col("product_type").str.starts_with(FUEL)
        | ((pl.col("product_category") != NO_CATEGORY) & ~pl.col("department").is_in(list(NO_PRODUCT)))
    )
    kinds = frame.select("known", "product_type").unique()
    told = kinds.with_columns(text=pl.Series([describe(*kind) for kind in kinds.iter_rows()]))
    frame = frame.join(told, on=["known", "product_type"], how="left", maintain_order="left")
    return frame.filter(pl.col("text") != "")


def in_order(path: Path) -> pl.DataFrame:
    """Rows by user and time; the times are all UTC and of one form, so that their text sorts as they do."""
    return pl.read_csv(path, infer_schema=False).sort("user_id", "occurred_at", maintain_order=True)


def _real(frame: pl.DataFrame, categories: pl.Series, seed: int) -> Source:
    return divided(*_streams(frame, categories), seed)


def divided(texts: list[str], streams: list[Stream], seed: int) -> Source:
    """Half of the users for the fit, the others for the test."""
    fit, test = divide_users(streams, np.random.default_rng(seed), 0.5)
    return Source(texts, fit, test, {})


def _streams(frame: pl.DataFrame, categories: pl.Series) -> tuple[list[str], list[Stream]]:
    """Histories of `SHORTEST` behaviours or more, of a frame that is in order of time."""
    texts, items = _distinct(frame["text"].to_list())
    filed = categories.fill_null("").to_numpy()
    _, codes = np.unique(filed, return_inverse=True)
    codes = np.where(filed == "", -1, codes).astype(np.int64)
    users = frame["user_id"].to_numpy()
    order = np.argsort(users, kind="stable")
    starts = np.flatnonzero(np.r_[True, users[order][1:] != users[order][:-1]])
    histories = np.split(order, starts[1:])
    return texts, [
        Stream(str(users[rows[0]]), items[rows], np.ones(len(rows), np.float32), codes[rows])
        for rows in histories
        if len(rows) >= SHORTEST
    ]


def _distinct(texts: list[str]) -> tuple[list[str], NDArray[np.int64]]:
    distinct = list(dict.fromkeys(texts))
    rows = {text: row for row, text in enumerate(distinct)}
    return distinct, np.array([rows[text] for text in texts], np.int64)


SOURCES: dict[str, Callable[[Path, int], Source]] = {
    "topics": topics_planted,
    "movietweetings": movietweetings,
    "completejourney": completejourney,
    "cofacts": cofacts,
}
