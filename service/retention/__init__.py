"""What is older than the settings allow is removed: in small steps, by one replica at a time."""
