"""Simulated field work: devices that go offline, with wrong clocks and bad links, and the demo territory."""

from .agent import Agent
from .demo import DemoReport, load_demo
from .places import PLACES, Place
from .simulation import Simulation, TokenFactory
from .stats import SimulationStats

__all__ = [
    "PLACES",
    "Agent",
    "DemoReport",
    "Place",
    "Simulation",
    "SimulationStats",
    "TokenFactory",
    "load_demo",
]
