"""Follows Kernel managed auth login flows and exports them as metrics and traces.

The map of the house; data flows from the top to the bottom:

- ``cli`` turns arguments into ``settings`` and runs one command.
- ``app`` runs the commands that serve; ``recordings`` sends files through the core.
- ``service`` builds, wires, starts and stops all that follows.
- ``upstream`` talks to Kernel: bytes become messages. ``web`` serves what comes out.
- ``core`` is pure: message -> event -> transition -> observation. Time is an argument.
- ``stores`` keep what survives: the journal writes what was observed before the sinks are told.
- ``sinks`` turn observations into metrics, spans and the live view.
- ``simulator`` is the upstream API for the demo and the tests.
"""

__version__ = "0.1.0"
