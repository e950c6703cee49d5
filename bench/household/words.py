"""A till's product descriptions in words that an encoder knows.

>>> describe("FRZN JCE CONC/DRNKS", "FRZN OJ&OJ CONC/DRNKS")
'frozen orange juice concentrate drinks'
>>> describe("SOFT DRINKS", "SFT DRNK 2 LITER BTL CARB INCL")
'soft drink liter bottle carbonated'
"""

import re

SPELLED_OUT = {
    "beeralemalt": "beer ale malt",
    "bg": "bags",
    "bkd": "baked",
    "bn": "bean",
    "br": "bread",
    "brd": "bread",
    "brkfst": "breakfast",
    "btl": "bottle",
    "btr": "butter",
    "car": "carbonated",
    "carb": "carbonated",
    "catfd": "cat food",
    "catsup": "ketchup",
    "cheez": "cheese",
    "chix": "chicken",
    "choc": "chocolate",
    "chococlate": "chocolate",
    "ckys": "cookies",
    "cleang": "cleaning",
    "clu": "club",
    "cnd": "canned",
    "cndy": "candy",
    "cntrl": "control",
    "coco": "cocoa",
    "conc": "concentrate",
    "containr": "container",
    "crbntd": "carbonated",
    "crkr": "crackers",
    "crmd": "creamed",
    "crystl": "crystal",
    "disposible": "disposable",
    "dnr": "dinner",
    "dnrs": "dinners",
    "dogfd": "dog food",
    "dps": "dips",
    "drnk": "drink",
    "drnking": "drinking",
    "drnkng": "drinking",
    "drnks": "drinks",
    "drsng": "dressing",
    "dsh": "dishes",
    "enrobed": "coated",
    "fd": "food",
    "fem": "feminine",
    "flav": "flavored",
    "flvr": "flavored",
    "flvrd": "flavored",
    "frd": "fried",
    "frz": "frozen",
    "frzn": "frozen",
    "gds": "goods",
    "grnd": "ground",
    "handke": "handkerchiefs",
    "hbc": "health and beauty care",
    "hygn": "hygiene",
    "iqf": "frozen",
    "isotonic": "sports",
    "jce": "juice",
    "lozng": "lozenges",
    "may": "mayonnaise",
    "memorablilia": "memorabilia",
    "mixs": "mixes",
    "mlk": "milk",
    "mlt": "multi",
    "mneral": "mineral",
    "mnrl": "mineral",
    "mx": "mix",
    "mxs": "mixes",
    "oj": "orange juice",
    "pk": "pack",
    "pkg": "packaged",
    "pkgd": "packaged",
    "pickld": "pickled",
    "pkld": "pickled",
    "plstc": "plastic",
    "pnch": "punch",
    "pnt": "peanut",
    "prem": "premium",
    "prep": "prepared",
    "preportnd": "portioned",
    "pwdr": "powder",
    "pwdrs": "powders",
    "refrgratd": "refrigerated",
    "refrig": "refrigerated",
    "reg": "regular",
    "rts": "ready to serve",
    "sald": "salad",
    "sandwic": "sandwich",
    "saucessalsapicantee": "sauces salsa picante",
    "saus": "sausage",
    "sft": "soft",
    "sgl": "single",
    "sherbts": "sherbets",
    "shlfsh": "shellfish",
    "sndwch": "sandwich",
    "sngl": "single",
    "snks": "snacks",
    "specilaty": "specialty",
    "sply": "supply",
    "sprd": "spread",
    "srv": "serve",
    "stk": "stick",
    "suppplies": "supplies",
    "sv": "serve",
    "sup": "super",
    "sw": "sweet",
    "sweetners": "sweeteners",
    "syrp": "syrup",
    "tiss": "tissue",
    "tort": "tortilla",
    "trsh": "trash",
    "veg": "vegetable",
    "wate": "water",
    "whl": "whole",
    "whlsm": "wholesome",
    "worchester": "worcestershire",
    "wt": "weight",
    "wtr": "water",
    "xpctrnt": "expectorant",
}
"""Abbreviations and misspellings of the till that occur often."""

SAYS_NOTHING = frozenset(
    [
        "a",
        "all",
        "and",
        "by",
        "coupon",
        "etc",
        "ex",
        "excp",
        "except",
        "for",
        "fs",
        "gol",
        "gr",
        "in",
        "incl",
        "including",
        "instore",
        "items",
        "iws",
        "lif",
        "misc",
        "miscellaneous",
        "not",
        "oth",
        "other",
        "others",
        "otyher",
        "ov",
        "pc",
        "rw",
        "size",
        "ss",
        "store",
        "the",
        "trans",
        "types",
        "under",
        "w",
        "with",
    ]
)
"""Words of the till's bookkeeping."""


def describe(category: str, kind: str) -> str:
    """What a product is, in lower-case words, none twice: the kind first, then what its category adds.

    Args:
        category: such as "FRZN PIZZA"; may be empty.
        kind: such as "PIZZA/PREMIUM"; may be empty.

    Returns:
        "pizza premium frozen"; empty where neither says anything.
    """
    words: dict[str, None] = {}
    for token in re.findall(r"[a-z]+(?:'[a-z]+)?", f"{kind} {category}".lower()):
        for word in SPELLED_OUT.get(token, token).split():
            if word in SAYS_NOTHING or len(word) == 1:
                continue
            if _stem(word) not in {_stem(known) for known in words}:
                words[word] = None
    return " ".join(words)


def _stem(word: str) -> str:
    """Without the plural's ending, so that `pizza` and `pizzas` count as one."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
