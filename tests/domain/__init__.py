"""Tests of the domain: pure, without servers."""
