"""What operators import: Prometheus rules and Grafana dashboards, generated from this package.

``settings`` says what can be chosen. The rest comes in two halves that share ``recording``, the names
of what Prometheus works out:

- rules: ``windows`` says how long things are looked at, the ``*_alerts`` when somebody is told and
  what to do then; ``rule_files`` and ``runbooks`` write them down.
- dashboards: ``overview``, ``domains`` and ``exporter`` with their parts say in data (``spec``) what
  is shown, ``promql``, ``colours`` and ``panels`` how; ``grafana_files`` writes them down.
  ``queries`` reads back what a dashboard asks.

``rules/`` and ``grafana/`` hold the generated files; ``python -m dashboards`` writes them anew.

The exporter does not need this package at run time.
"""
