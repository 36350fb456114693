"""Tests of the resolver: its laws, its tables, and a second implementation to disagree with."""
