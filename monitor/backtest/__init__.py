"""What the rules of another configuration would have raised on the stored history, against what was raised."""
