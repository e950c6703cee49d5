"""`POST /detect` and `POST /detect/batch`."""
