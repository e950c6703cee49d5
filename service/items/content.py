"""What an item's vector is made from, as a hash: while it is the same, the vector is right."""

import hashlib

from service.vectors import Vectors


def text_hash(text: str) -> bytes:
    """Of a text that is encoded."""
    return hashlib.sha256(text.encode()).digest()


def embedding_hash(vector: Vectors) -> bytes:
    """Of a vector (dim,) that the item came with. No item's text has the same: the database takes none with a NUL."""
    return hashlib.sha256(b"\0embedding" + vector.astype("<f4").tobytes()).digest()
