"""What Grafana shows.

``overview``, ``domains`` and ``exporter`` with their parts say in data (``spec``) what is shown;
``promql``, ``colours`` and ``panels`` how; ``page`` where; ``grafana_files`` writes it down.
``queries`` reads back what a dashboard asks.
"""
