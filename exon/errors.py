"""The one exception that a user's mistake raises: its message is a complete sentence."""


class UserError(ValueError):
    """Bad input: the message names the value and says what is accepted.

    The command line prints it without a traceback and exits with code 2.
    """
