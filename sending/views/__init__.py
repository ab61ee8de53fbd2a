"""Pages about sending."""
