"""What commands run in a process of its own, because a model or a camera may crash or hang it."""
