"""How often shifts of a population are told that are none, and which planted ones are found."""
