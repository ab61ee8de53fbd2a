"""A message as bytes (RFC 5322): built from what a person wrote; pure."""
