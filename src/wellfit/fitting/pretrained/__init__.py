"""Layers of another network at the bottom of a new one: borrowed, frozen, computed once."""
