"""The one error that is the user's to mend, and how to tell of one that is ours."""

from pathlib import Path


class UserError(Exception):
    """A mistake of whoever starts the exporter, told in one line that names the mend.

    The command line prints it without a stack trace and exits with status 2.
    """


def where_raised(error: BaseException) -> str:
    """The file and line that raised, for a log line without the message: that could quote a secret.

    What a stranger sent may stand in a message, never in the place.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "unknown"
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
