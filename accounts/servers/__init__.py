"""How any mail server is reached: hosts, transport, signing in, failures, tests of settings."""
