"""How good the recommendations are: what they foretell, and how quick and exact the catalogue index is."""
