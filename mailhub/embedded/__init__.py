"""PostgreSQL and Valkey from Python wheels, for an instance that has none of its own."""
