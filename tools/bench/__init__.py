"""`make bench`: Mailhub beside its peers, in the same run on the same machine (docs/benchmarks.md)."""
