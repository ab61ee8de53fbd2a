"""Tests of the demo mail provider."""
