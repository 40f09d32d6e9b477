"""Parts of commands that run in a process of their own, which a model or a camera may crash or hang."""
