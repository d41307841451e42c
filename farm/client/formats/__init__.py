"""What an audit found, in forms that other programs read. Pure: times and versions are handed in."""
