"""The one error that is the user's to mend."""


class UserError(Exception):
    """A mistake of whoever starts the exporter, told in one line that names the mend.

    The command line prints it without a stack trace and exits with status 2.
    """
