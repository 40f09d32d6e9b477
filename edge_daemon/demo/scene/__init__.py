"""A street scene drawn by code: the source `scene:`, and what the built-in model learns from.

Import from `scene` and `options`: what a source asks for can be checked without what draws it.
"""
