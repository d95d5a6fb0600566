from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.sinks.traces.variables import Variable, first_set

Read = Callable[[Variable], object]


def whole(variable: Variable) -> object:
    return variable.whole_number()


def number(variable: Variable) -> object:
    return variable.number(0.5, 2.0)


def word(variable: Variable) -> object:
    return variable.one_of("grpc", "http")


@pytest.mark.parametrize(
    ("read", "value", "result"),
    [
        (whole, "12", 12),
        (number, "0.5", 0.5),
        (number, "2", 2.0),
        (word, "GRPC", "grpc"),
        (Variable.http_url, "https://[::1]:4318/v1/traces", "https://[::1]:4318/v1/traces"),
        (Variable.host_and_port, "collector:4317", "collector:4317"),
        (Variable.host_and_port, "https://collector:4317", "https://collector:4317"),
        (Variable.header_list, "a=b, c=d=e,", "a=b, c=d=e,"),
        (Variable.header_list, "a=", "a="),
        (Variable.file, __file__, __file__),
    ],
)
def test_a_value_of_the_right_form_is_taken(read: Read, value: str, result: object) -> None:
    assert read(Variable("OTEL_X", value)) == result


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (whole, "0"),
        (whole, "-1"),
        (whole, "1.0"),
        (whole, "\u0664"),
        (number, "0.4"),
        (number, "2.1"),
        (number, "inf"),
        (number, "nan"),
        (word, "tcp"),
        (Variable.http_url, "collector:4318"),
        (Variable.http_url, "http://collector:0"),
        (Variable.host_and_port, ":4317"),
        (Variable.host_and_port, "unix://"),
        (Variable.header_list, "a"),
        (Variable.header_list, "=b"),
        (Variable.header_list, "\u00e9=b"),
        (Variable.file, str(Path(__file__).parent)),
    ],
)
def test_a_value_of_another_form_is_refused_by_name(read: Read, value: str) -> None:
    with pytest.raises(ValueError, match=r"^OTEL_X [^\n]*: (use|write|name) [^\n]*$"):
        read(Variable("OTEL_X", value))


def test_a_long_value_is_quoted_in_part() -> None:
    with pytest.raises(ValueError, match="OTEL_X") as refused:
        whole(Variable("OTEL_X", "9x" * 5000))
    assert len(str(refused.value)) < 200


def test_the_first_variable_that_is_set_counts_and_empty_is_unset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_X_ONE", "  ")
    monkeypatch.setenv("OTEL_X_TWO", " 2 ")
    monkeypatch.setenv("OTEL_X_THREE", "3")
    assert first_set("OTEL_X_ONE", "OTEL_X_TWO", "OTEL_X_THREE") == Variable("OTEL_X_TWO", "2")
    assert first_set("OTEL_X_ONE", "OTEL_X_NONE") is None
