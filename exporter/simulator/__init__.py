"""The upstream API of Kernel managed auth as a real HTTP server, for the demo and the tests.

It judges the exporter, so it shares nothing with it. Top down: ``runner`` starts and stops the
server; ``server`` holds the API's routes, ``control`` the simulator's own, ``streams`` the event
streams; ``world`` holds the connections and lets flows begin, ``life`` lets them begin by
themselves; ``player`` plays a scenario as a ``flow``; ``scenarios`` and ``misbehaviour`` are the
scenarios as data, in the words of ``script``; ``ledger`` records what really happened, ``timeline``
what the API shows of it afterwards, and ``requests`` what the API was asked for.
"""
