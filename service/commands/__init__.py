"""The commands that work on logs, without server or database: calibrate, replay and evaluate.

Importing this package costs nothing; what the commands need besides (the extra `calibrate`) is imported when they run.
"""
