"""What the exporter costs, measured against a named peer in turns: ``make bench``.

``suite`` lists the benchmarks, ``rows`` is what one says of itself, ``machine`` tells where it ran.
``server`` is a cheap upstream in a process of its own, ``serving`` starts it; ``events`` is what it
sends, ``ours`` and ``official`` are who listens, ``progress`` is how far they are.
``profiled`` says where the CPU goes.
"""
