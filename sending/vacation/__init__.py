"""Away replies (RFC 3834, RFC 5230): whether, what, and to whom."""
