"""Everything that talks to Kernel: bytes become events, and every event goes through one door."""
