"""Where an error was raised, without what it says."""

import json

from exporter.errors import where_raised


def test_the_place_is_the_innermost_and_holds_nothing_of_the_message() -> None:
    try:
        json.loads("s3cret")
    except ValueError as error:
        place = where_raised(error)
    assert place.startswith("decoder.py:")
    assert place.removeprefix("decoder.py:").isdigit()


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert where_raised(ValueError("s3cret")) == "unknown"
