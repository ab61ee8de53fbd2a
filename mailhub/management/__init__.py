"""Mailhub's own management commands."""
