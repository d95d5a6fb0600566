"""What operators import: Prometheus rules and Grafana dashboards, generated from this package.

``settings`` says what can be chosen, ``alerting`` makes the rules and their runbooks, ``boards``
the dashboards. ``rules/`` and ``grafana/`` hold what is generated; ``python -m dashboards`` writes
it anew. The exporter runs without any of this.
"""
