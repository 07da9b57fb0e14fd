"""What the modules of the stand-in are made of."""
