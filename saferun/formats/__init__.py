"""Every text saferun reads or writes, given meaning without touching the world."""
