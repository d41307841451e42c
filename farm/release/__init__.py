"""The release pipeline: what is built is collected, passes the gates of a channel as one set, and is published."""
