"""Settings of an account: forms, the connection test, and saving."""
