"""The pure core: an event and the time it was received go in, observations come out.

Nothing in here does I/O, reads a clock, logs or rolls dice, so that the live service, a replay,
a property test and a benchmark all run the very same code. Times are integer Unix nanoseconds.
"""
