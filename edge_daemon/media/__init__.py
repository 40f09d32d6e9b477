"""Coded video as cameras send it: packets, rings of them, and the clips that are made of them."""
