"""What is kept of a user: the present interest, its history, and its erasure."""
