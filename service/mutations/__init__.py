"""Changes as they are told to others: the outbox, and the stream."""
