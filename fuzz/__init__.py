"""Documents nobody would send, through everything that has to survive them."""
