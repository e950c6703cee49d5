"""What the changes of a domain's users have in common: counts, topics, and shifts of the whole population."""
