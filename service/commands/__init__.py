"""What the commands of `swerve` do. `service.cli` declares them.

Importing this package costs nothing: a command is imported when it runs, with no more than it needs. Those that work on
logs (calibrate, replay and evaluate) need the extra `calibrate`.
"""
