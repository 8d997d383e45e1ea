"""How fast orders are accepted, claimed and delivered."""
