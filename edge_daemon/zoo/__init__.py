"""Models that are downloaded: the catalogue, the folder they are kept in, and the way there.

Only the process that starts the others downloads; workers get the path of a file on this machine.
"""
