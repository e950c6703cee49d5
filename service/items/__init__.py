"""The catalogue: items, their vectors, and the search for those near to an interest."""
