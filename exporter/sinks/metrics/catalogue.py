"""Every family that this exporter has, in the order of the docs."""

from typing import Final

from exporter.sinks.metrics.family import Family
from exporter.sinks.metrics.flow_families import FLOW_FAMILIES
from exporter.sinks.metrics.journal_families import JOURNAL_FAMILIES
from exporter.sinks.metrics.timeline_families import TIMELINE_FAMILIES
from exporter.sinks.metrics.upstream_families import EXPORTER_FAMILIES, UPSTREAM_FAMILIES

SECTIONS: Final = {
    "Login flows": FLOW_FAMILIES,
    "Connections, streams and the Kernel API": UPSTREAM_FAMILIES,
    "Timelines": TIMELINE_FAMILIES,
    "The journal": JOURNAL_FAMILIES,
    "The exporter itself": EXPORTER_FAMILIES,
}
FAMILIES: Final[tuple[Family, ...]] = tuple(
    family for families in SECTIONS.values() for family in families
)
