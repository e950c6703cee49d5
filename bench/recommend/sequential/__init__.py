"""A trained sequential recommender (SASRec, of RecTools) at the very targets that everything else is measured at.

It lives in an environment of its own: `install` makes it, `train` runs in it, and `__main__` hands it arrays and reads
its ranks.
"""
