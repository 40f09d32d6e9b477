"""Transport between processes: channels for messages, ZeroMQ for pictures and publishing, shared memory for pixels.

A channel is a Unix socket that keeps messages whole and in order (SOCK_SEQPACKET): the sending thread writes to it
and the receiving thread is woken, and each end is notified at once when the other is gone. Messages about a frame have
some hundred bytes, several times a frame; through ZeroMQ's threads they would cost three times as much CPU time and
arrive later.
"""
