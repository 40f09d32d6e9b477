"""The web page and the HTTP interface: a source of pictures for the dispatcher, a subscriber of the sink."""
