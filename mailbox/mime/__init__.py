"""Bytes of a message to what a reader needs (RFC 5322, RFC 2045 to 2049); pure."""
