"""The lines between our processes: small messages, over Unix sockets of this machine.

Pictures travel by ZeroMQ, as does what is published. What is said about them is some hundred bytes, several times a
frame, and through ZeroMQ's threads that would cost three times as much and come later: here the thread that has
something to say says it, and the one that waits for it wakes up. A line keeps messages whole and in order
(SOCK_SEQPACKET), and each end learns at once when the other is gone.
"""
