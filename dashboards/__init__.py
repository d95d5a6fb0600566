"""What operators import: Prometheus rules and Grafana dashboards, generated from this package.

``settings`` says what can be chosen, ``windows`` how long things are looked at, ``recording`` and
the ``*_alerts`` what Prometheus works out, ``rule_files`` and ``runbooks`` what becomes of them on
disk. ``rules/`` and ``grafana/`` hold the generated files; ``python -m dashboards`` writes them
anew.

The exporter does not need this package at run time.
"""
