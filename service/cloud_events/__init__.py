"""Behaviours as CloudEvents 1.0, taken by `POST /detect` and `POST /detect/batch` beside plain bodies."""
