"""What Prometheus works out and when somebody is told.

``windows`` says how long things are looked at, ``recording`` what is worked out once for alerts and
dashboards alike, the ``*_alerts`` when somebody is told and what to do then; ``rule_files`` and
``runbooks`` write it down.
"""
