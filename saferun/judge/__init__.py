"""The law: pure and total; imports nothing of ours but itself; no I/O, no clock.

The judge does not know which door is asking, so it cannot favour one.
"""
