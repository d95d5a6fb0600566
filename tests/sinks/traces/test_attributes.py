import re

from opentelemetry.semconv.attributes import error_attributes, server_attributes

from exporter.sinks.traces.attributes import ATTRIBUTES, SPANS, Carrier

STANDARD = {error_attributes.ERROR_TYPE, server_attributes.SERVER_ADDRESS}
OWN = re.compile(r"managed_auth(\.[a-z]+(_[a-z]+)*)+")


def test_each_name_is_of_the_conventions_or_in_our_own_namespace() -> None:
    own = {x.key for x in ATTRIBUTES} - STANDARD
    own |= {x.value for x in Carrier if x not in SPANS}
    assert [name for name in own if not OWN.fullmatch(name)] == []


def test_each_attribute_is_declared_once_and_carried() -> None:
    keys = [x.key for x in ATTRIBUTES]
    assert len(keys) == len(set(keys))
    assert all(x.carriers for x in ATTRIBUTES)


def test_no_attribute_could_carry_a_secret() -> None:
    """Words of the upstream's secret members; a new attribute that needs one is a mistake."""
    secret = re.compile("url|handoff|selector|token|password|key|field")
    assert [x.key for x in ATTRIBUTES if secret.search(x.key)] == []
