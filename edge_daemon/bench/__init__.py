"""Measures this machine for about a minute, and calculates from that what it can do."""
