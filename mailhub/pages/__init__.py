"""The pages that need every app: home, sidebar, account cards, console, storage."""
