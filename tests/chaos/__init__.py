"""Faults, counted: real processes broken on purpose under load, and a checker that finds whatever that cost."""
