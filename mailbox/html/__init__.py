"""HTML of mail made safe to show; pure."""
