"""What whoever runs the service can mend. Commands say it in one line; see `service.console`."""


class OperatorError(Exception):
    """The service, or a command, cannot do what was asked; the message says why and what to do."""


class MisuseError(OperatorError):
    """What was given cannot be used as it is."""


class StartError(OperatorError):
    """The service cannot start on what it found; the message says why and what to do."""


class InputError(MisuseError, ValueError):
    """A file or an option that cannot be used. The message names it, and the remedy."""
