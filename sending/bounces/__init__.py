"""Delivery reports (RFC 3464): read, and tied to what was sent."""
