"""Pretrained layers at the bottom of a new network: borrowed, frozen, computed once."""
