"""Parts of commands that run in a process of their own: a model or a camera may crash or hang them."""
