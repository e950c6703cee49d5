"""Prediction of users' next behaviours, as a recommender would be asked for it."""
