"""Delivery to receivers outside, as far as it is pure: what is sent, in which words, and when it is tried again."""
