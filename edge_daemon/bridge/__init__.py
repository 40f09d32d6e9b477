"""The bridge: takes what is stored and published to one receiver outside, and remembers how far it has got."""
