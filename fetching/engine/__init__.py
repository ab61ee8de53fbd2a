"""One session with one server: run, diff, download, remote delete, and the ledger."""
