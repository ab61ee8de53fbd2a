"""Provider presets: the table, the guides for people, and the lookup."""
