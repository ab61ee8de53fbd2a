"""Writing: drafts, attachments, signatures, templates."""
