"""What the bodies of providers say: one module for each format, and the values they share."""
