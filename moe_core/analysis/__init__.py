"""What trained routers decide on held-out stories: recorded, then counted."""
