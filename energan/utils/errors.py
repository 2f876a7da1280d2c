"""What is said to a user whose input cannot be used."""


class UserError(Exception):
    """One clear sentence: what was wrong, where, and what to do.

    The command line prints it without a traceback and exits with code 2.
    """
