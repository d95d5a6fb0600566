"""The sinks turn observations into metrics, spans and the live view; none knows another.

``fanout`` stands before them all: it isolates, times and counts each.
"""
