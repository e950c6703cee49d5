"""What follows from a detection: how much which part of a user's past counts now, and what to do about it."""
