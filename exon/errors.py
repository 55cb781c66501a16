"""The exceptions that the command line prints as one line: a user's mistake, and a cell that failed."""


class UserError(ValueError):
    """Bad input: the message names the value and says what is accepted.

    The command line prints it without a traceback and exits with code 2.
    """


class CellError(RuntimeError):
    """A cell of a notebook failed: the message names the cell and where its traceback is.

    The command line prints it and exits with code 1; any other error keeps its own traceback.
    """
