"""Numbers as people read them."""

import math

from service.reports.figures import Interval

NONE = "–"
"""For what was not measured."""
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def percent(share: float | None) -> str:
    r"""A share of 0 to 1 in percent.

    >>> [percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (0.834, 0.05, 0.0123, 0.0001, 0.997, 1.0)]
    ['83 %', '5 %', '1.2 %', '<0.1 %', '99.7 %', '100 %']
    """
    if share is None or not math.isfinite(share):
        return NONE
    if 0 < share < 0.0005:
        return f"<0.1{SPACE}%"
    return f"{_hundredths(share, _decimals(share))}{SPACE}%"


def percent_range(interval: Interval) -> str:
    """The ends of a share's interval in percent, as exactly as its value is shown; empty if they are unknown.

    >>> percent_range(Interval(0.834, 0.79, 0.871))
    '79–87'
    """
    low, high = known(interval.low), known(interval.high)
    if low is None or high is None:
        return ""
    decimals = _decimals(interval.value) if known(interval.value) is not None else 0
    return f"{_hundredths(low, decimals)}–{_hundredths(high, decimals)}"


def percent_interval(interval: Interval) -> str:
    r"""Such as `83 % (79–87)`.

    >>> percent_interval(Interval(0.834, 0.79, 0.871)).replace("\N{NO-BREAK SPACE}", " ")
    '83 % (79–87)'
    """
    return _with_range(percent(interval.value), percent_range(interval))


def count(number: float | None) -> str:
    """Of behaviours, users and the like.

    >>> count(1079.6), count(7.25), count(7.0), count(None), count(math.inf)
    ('1,080', '7.2', '7', '–', '∞')
    """
    if number is None or math.isnan(number):
        return NONE
    if math.isinf(number):
        return "∞"
    return f"{number:,.0f}" if number >= 100 or number == round(number) else f"{number:.2g}"


def count_range(interval: Interval) -> str:
    """The ends of a count's interval; empty if they are unknown.

    >>> count_range(Interval(1080, 900, 1310)), count_range(Interval(1080, 900, None))
    ('900–1,310', '900 or more')
    """
    low, high = known(interval.low), known(interval.high)
    if low is None:
        return ""
    return f"{count(low)} or more" if high is None else f"{count(low)}–{count(high)}"


def count_interval(interval: Interval) -> str:
    """Such as `1,080 (900–1,310)`, or `at least 900` if only that is known."""
    low = known(interval.low)
    if known(interval.value) is None and low is not None:
        return f"at least {count(low)}"
    return _with_range(count(interval.value), count_range(interval))


def number(value: float | int | str | None) -> str:
    """Any number of a profile, to four digits; texts are left as they are.

    >>> number(0.123456), number(384), number(12345.678), number(-2.5), number(True), number("a")
    ('0.1235', '384', '12,346', '−2.5', 'yes', 'a')
    """
    if isinstance(value, bool):  # which is an int to Python, and 1 to the formatting below
        return "yes" if value else "no"
    if value is None or isinstance(value, str):
        return NONE if value is None else value
    if math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    plain = f"{value:,.0f}" if value == round(value) or abs(value) >= 10_000 else f"{value:.4g}"
    return plain.replace("-", MINUS)


def signed(log_odds: float) -> str:
    """A contribution to the log-odds.

    >>> signed(1.94), signed(-0.5), signed(0.0), signed(-math.inf)
    ('+1.9', '−0.5', '0.0', '−∞')
    """
    if math.isnan(log_odds):
        return NONE
    if math.isinf(log_odds):
        return "+∞" if log_odds > 0 else f"{MINUS}∞"
    rounded = round(log_odds, 1)
    return (f"{rounded:+.1f}" if rounded else "0.0").replace("-", MINUS)


def plural(n: int, one: str, many: str) -> str:
    """A number and its noun.

    >>> plural(1, "change", "changes"), plural(1200, "change", "changes")
    ('1 change', '1,200 changes')
    """
    return f"{n:,} {one if n == 1 else many}"


def known(value: float | None) -> float | None:
    """None also for what is not finite."""
    return value if value is not None and math.isfinite(value) else None


def _decimals(share: float | None) -> int:
    """One where whole percents would hide a difference: near the ends, and only if it is not a zero."""
    if share is None or 0.0995 <= share < 0.9895:
        return 0
    return 0 if f"{100 * share:.1f}".endswith(".0") else 1


def _hundredths(share: float, decimals: int) -> str:
    return f"{100 * share:.{decimals}f}"


def _with_range(value: str, ends: str) -> str:
    return f"{value} ({ends})" if ends else value
