"""One real household's year of shopping through the running service, and a picture of it."""
