"""Other encoders of the same model on the same texts, each in an environment of its own."""
