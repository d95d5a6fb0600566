"""What the simulator says that nobody but the exporter may ever get to see."""

from typing import Final

from exporter.simulator.prompts import SECRET_MARK

API_KEY: Final = f"sk-{SECRET_MARK}-key"
SECRETS: Final = (
    *(SECRET_MARK, "@mail.example", "jane", "handoff", "90817263", "5550123499881"),
    *("login.simulator.example", "live.simulator.example", "eyJhbGciOiJIUzI1NiJ9"),
)
"""Marks of keys, addresses, codes, links and tokens; the key is made of one of them."""
