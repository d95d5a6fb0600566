"""What survives a restart: the Store protocol, its implementations, and the journal over them."""
