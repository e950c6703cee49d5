"""What an operator gave and can mend."""


class InputError(ValueError):
    """A file or an option that cannot be used. The message names it, and the remedy; a command says it in one line."""
