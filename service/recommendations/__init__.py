"""The policy of a user, and the items that follow from it."""
