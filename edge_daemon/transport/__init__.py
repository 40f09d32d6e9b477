"""How bytes travel between processes: channels for messages, ZeroMQ for pictures and what is published, shared memory.

A channel is a Unix socket that keeps messages whole and in order (SOCK_SEQPACKET): the thread that sends writes to it
and the thread that waits is woken, and each end learns at once when the other is gone. Messages about a frame are some
hundred bytes, several times a frame; through ZeroMQ's threads they would cost three times as much CPU and arrive later.
"""
