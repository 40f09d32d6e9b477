"""The page and the HTTP interface: to the dispatcher a source of pictures, to the sink a subscriber."""
