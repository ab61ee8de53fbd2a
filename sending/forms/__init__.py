"""Forms about how mail goes out and as whom. Nothing here talks to a server."""
