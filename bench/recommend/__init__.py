"""How good the recommendations are, and how quick and how exact the catalogue's index is."""
