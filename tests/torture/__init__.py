"""Runs that are killed, raced, starved and frozen at named moments, and what the next one makes of them."""
