"""What people are told about the fetching of an account."""
