"""Pages about receiving mail: connecting, settings, history, progress."""
